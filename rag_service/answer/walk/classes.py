"""The walkthrough of a class: its attributes, its constructor, its methods, and in detail the one that answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from ml.index.chunk import Chunk, last_name
from rag_service.answer.code.callers import CONSTRUCTORS
from rag_service.answer.composed.prose import inline_code
from rag_service.answer.walk.callees import members_of
from rag_service.answer.walk.reader import read_members, read_steps
from rag_service.answer.walk.spans import span
from rag_service.answer.walk.steps import Step

if TYPE_CHECKING:
    from rag_service.answer.walk.story import Walkthrough

MEMBERS = 6
STATE = 8
DETAIL = 110


@dataclass(frozen=True)
class ClassWalk:
    """The walkthrough of a class: its attributes, its constructor, its methods, and in detail the one that answers."""

    walk: "Walkthrough"
    chunk: Chunk
    root: Step

    def markdown(self) -> str:
        """Return what is known of the class as Markdown, "" if that is nothing."""
        parts = [*self._attributes(), *self._constructor()]
        told = [(member, *self._summary(member)) for member in self._chosen]
        listed = [
            f"- {self.walk.word('member', name=_named([member]), about=about, mark=mark)}"
            for member, about, mark in told
            if about
        ]
        bare = [(member, mark) for member, about, mark in told if not about]
        if bare:
            names, marks = _named([member for member, _ in bare]), dict.fromkeys(mark for _, mark in bare)
            listed.append(f"- {self.walk.word('member_bare', name=names, mark=' '.join(marks))}")
        if listed:
            parts.append("\n".join([self.walk.word("members"), "", *listed]))
        return "\n\n".join([*parts, *self._detail()])

    @cached_property
    def members(self) -> list[Chunk]:
        """The methods, as chunks of their own."""
        inside = [one for one in read_members(self.chunk) if one.kind == "method"]
        names = {member.symbol for member in inside}
        return inside + [one for one in members_of(self.chunk, self.walk.known) if one.symbol not in names]

    @cached_property
    def _chosen(self) -> list[Chunk]:
        others = [one for one in self.members if last_name(one.symbol) not in CONSTRUCTORS]
        best = sorted(others, key=lambda one: -self._worth(one))[:MEMBERS]
        return [one for one in others if one in best]

    def _worth(self, member: Chunk) -> float:
        return self.walk.share(self.chunk, member.text) - 0.05 * last_name(member.symbol).startswith("_")

    def _attributes(self) -> Iterator[str]:
        found = [step for step in self.root.body if step.role in {"assign", "gets"}]
        best = sorted(found, key=lambda step: -self.walk.share(self.chunk, f"{step.target} {step.head}"))[:STATE]
        told = [step for step in found if step in best]
        if told:
            names = ", ".join(span(step.target) for step in told)
            mark = self.walk.cite(self.chunk, told[0].first, told[-1].last)
            yield self.walk.word("attributes", names=names, mark=mark)

    def _constructor(self) -> Iterator[str]:
        for member in self.members:
            root = read_steps(member) if last_name(member.symbol) in CONSTRUCTORS else None
            if root is None:
                continue
            state = [
                step for step in root.within() if step.role in {"assign", "gets"} and set("@.>") & set(step.target)
            ]
            if state:
                names = ", ".join(dict.fromkeys(span(step.target) for step in state[:STATE]))
                mark = self.walk.cite(self._cited(member), root.first, max(step.last for step in state[:STATE]))
                yield self.walk.word("constructor", name=inline_code(last_name(member.symbol)), names=names, mark=mark)
            return

    def _cited(self, member: Chunk) -> Chunk:
        inside = self.chunk.line_start <= member.line_start and member.line_end <= self.chunk.line_end
        return self.chunk if inside and member.file_path == self.chunk.file_path else member

    def _summary(self, member: Chunk) -> tuple[str, str]:
        told = replace(self.walk, cite=lambda _, first, last: self.walk.cite(self._cited(member), first, last))
        return told.summary(member)

    def _detail(self) -> Iterator[str]:
        best = max(self._chosen, key=self._worth, default=None)
        root = read_steps(best) if best else None
        if best and root and self._worth(best) > 0:
            told = replace(self.walk, cite=lambda chunk, first, last: self.walk.cite(self._cited(chunk), first, last))
            listed = told.detail(best, root, DETAIL)
            if listed:
                yield f"{self.walk.word('detail', name=inline_code(last_name(best.symbol)))}\n\n{listed}"


def _named(members: Sequence[Chunk]) -> str:
    return ", ".join(inline_code(last_name(member.symbol)) for member in members)
