"""Promises of sentences in two languages."""

from model.errors import BadRequestError
from model.said import Said, in_language, joined, told


def test_a_sentence_is_said_in_either_language() -> None:
    """English as any text, French where asked for; with its place, joined, and through an error."""
    text = Said("leave it out", "retirez-le").at("when.of[0]")

    assert text == "when.of[0]: leave it out"
    assert in_language(text, "fr") == "when.of[0]: retirez-le"
    assert in_language(joined([text, "plain"]), "fr") == "when.of[0]: retirez-le; plain"
    assert in_language(told(BadRequestError(text)), "fr") == "when.of[0]: retirez-le"
    assert told(BadRequestError("plain")) == "plain"
