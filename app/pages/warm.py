"""What makes a worker's first page as quick as the next: words, templates and parts, read before anybody asks.

Reading the two catalogues takes most of a second, compiling the templates a third of one; both happen in a thread of
their own while the worker starts, and whoever is quicker simply waits for them as without this module.
"""

from __future__ import annotations

import logging
import threading

from app.pages.layout import environment
from app.pages.parts import parts_of
from app.pages.words import LANGUAGES, catalogue, translate
from app.service import Service
from fiel.errors import StoreError

_LOG = logging.getLogger("app.pages")


def warm_up(service: Service) -> threading.Thread:
    """Read what pages need, in the background; the thread, for who wants to wait for it."""
    thread = threading.Thread(target=_warm_up, args=(service,), name="pages", daemon=True)
    thread.start()
    return thread


def _warm_up(service: Service) -> None:
    catalogue()
    for language in LANGUAGES:
        translate("customers", language)
        templates = environment(language)
        for name in templates.list_templates(extensions=["html"]):
            templates.get_template(name)
    try:
        for name in service.programs:
            parts_of(service, name)
    except StoreError as error:
        _LOG.info("parts are read when a page asks for them: %s", type(error).__name__)
