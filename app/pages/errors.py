"""The page that shows a problem to a person: what was wrong, and what to do."""

from __future__ import annotations

from fastapi import Request, Response

from app.pages.layout import is_fragment, render, translator
from app.pages.words import N_, Language, language_of, translate
from app.problems import Problem

TODO = {
    401: N_("Sign in with an API key; an operator makes one with: fiel key create NAME"),
    404: N_("Check the address, or go to the programs and choose from there."),
    413: N_("Send less at once."),
    421: N_("Use the address that the operator gave you."),
    422: N_("Go back and correct what is named here."),
    429: N_("Too much was asked at once. Wait a few seconds and load the page again."),
    500: N_("Try again; if it happens again, tell the operator the request's id."),
    503: N_("The store does not answer right now. Wait a few seconds and load the page again; it recovers by itself."),
}
"""What a reader can do, by status; the problem's own advice stands beside it where it has one."""

TODO_OF = {
    "out-of-scope": N_("Ask the operator for a key that names this program."),
    "not-from-here": N_("Load the page again and send its form from there."),
}
"""What a reader can do, by kind of problem; it says all that the problem's own advice does."""

TITLES = {
    401: N_("Please sign in"),
    403: N_("You may not see this"),
    404: N_("There is nothing here"),
    422: N_("Something in this request is wrong"),
    429: N_("Too many requests"),
    500: N_("Something went wrong here"),
    503: N_("Not available right now"),
}


SAID = (
    N_("There is nothing at this address."),
    N_("No program has this name."),
    N_("No figure of this program has this name."),
    N_("The key is not made for this program."),
    N_("The request carries no API key."),
    N_("The service failed to answer this request. Nothing was changed."),
    N_("The online store cannot be reached or used right now."),
)
"""What the problems that pages meet say of themselves; others stay English."""


def error_page(request: Request, problem: Problem) -> Response:
    """The problem as a page in the reader's language; where htmx asked for a part, as problem details for its script.

    Title and advice are in the reader's language; of the problem's own words, which are English as the API's are, what
    has a translation.
    """
    request_id = request.scope.get("state", {}).get("request_id")
    if is_fragment(request):
        return problem.response(request_id)
    _ = translator(request)
    status = problem.status_code
    advice = TODO_OF.get(problem.type, TODO.get(status, ""))
    has_own = problem.type not in TODO_OF  # else the problem's own advice would say the same again
    return render(
        request,
        "error.html",
        title=_(TITLES.get(status, "")) if status in TITLES else problem.title,
        status=status,
        problem=problem,
        advice=_(advice) if advice else "",
        hints=_hints(problem, language_of(request), has_advice=bool(advice)) if has_own else [],
        request_id=request_id,
    )


def _hints(problem: Problem, language: Language, has_advice: bool) -> list[str]:
    """What the problem itself advises, as far as it can be said in `language`."""
    given = [error.todo for error in problem.errors] if problem.errors else [None if has_advice else problem.todo]
    said = {todo: translate(todo, language) for todo in given if todo}
    return [text for todo, text in said.items() if language == "en" or text != todo]
