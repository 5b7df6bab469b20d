"""Doors that answer as the servers did that people already call. What they ask and answer is fixed by those callers.

Canonical under `/compat/{program}/…`; `/predict`, `/predict_many` and `/health_check` at the root are the addresses
that old clients have, and find the program by themselves. New clients use `/v1`.
"""

from fastapi import APIRouter

from app.compat import doors, form

router = APIRouter(tags=["compatible doors"])
router.include_router(doors.router)
router.include_router(form.router)
