"""The built-in writer: the sentences of the language files, with the brief's facts in them. It costs nothing."""

from __future__ import annotations

from fiel.actions.messages.brief import Brief
from fiel.actions.messages.languages import language_words

TEMPLATE = "template"
"""Name of this writer in the output."""


def template_text(brief: Brief) -> str:
    """The message of the brief: greeting and engagement, recommendations, offer, call to action, signature."""
    words = language_words(brief.language)
    tone = words.tones[brief.tone]
    first, second = (f"{words.quotes[0]}{title}{words.quotes[1]}" for title in brief.titles)
    lines = [
        f"{tone.greeting} {tone.engagement.format(engagement=brief.engagement)}",
        tone.recommendations.format(first=first, second=second),
        brief.offer,
        brief.call_to_action,
        brief.signature,
    ]
    return "\n".join(line for line in lines if line)
