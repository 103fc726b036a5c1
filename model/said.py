"""Sentences for people that are made where no reader is known: English, with the same in French beside it. Pure."""

from collections.abc import Iterable
from typing import Self

from model.device import Language


class Said(str):
    """A sentence in English that knows how it is said in French."""

    __slots__ = ("french",)
    french: str

    def __new__(cls, english: str, french: str) -> Self:
        """Return the sentence."""
        made = super().__new__(cls, english)
        made.french = french
        return made

    def at(self, place: str) -> "Said":
        """Return it with its place before it, which is the same in every language."""
        return Said(f"{place}: {self}", f"{place}: {self.french}")


def in_language(text: str, language: Language) -> str:
    """Return a sentence in a language; one that is in English only stays so."""
    return text.french if language == "fr" and isinstance(text, Said) else str(text)


def joined(texts: Iterable[str], between: str = "; ") -> Said:
    """Return sentences as one."""
    each = list(texts)
    return Said(between.join(each), between.join(in_language(one, "fr") for one in each))


def told(error: Exception) -> str:
    """Return what an error says, in both languages if it does."""
    return error.args[0] if error.args and isinstance(error.args[0], Said) else str(error)
