"""The job of taking over what another tool has applied."""

from dataclasses import dataclass, field

from asyncmigrate._engine.jobs import Known, Stored, read_definitions
from asyncmigrate._foreign import OldHistory
from asyncmigrate._layouts.layout import Source
from asyncmigrate._migration import History, Problem, Unreadable
from asyncmigrate._plan import Plan, SoFar
from asyncmigrate._plan.adopt import Adopting, decide_adopt, require_mark
from asyncmigrate._plan.adoption import Before
from asyncmigrate._plan.old_tables import AdoptWish
from asyncmigrate._plan.pairing import Pairing, pair_by_mark, pair_in_place


@dataclass(slots=True)
class Adopt:
    """Take over the history of another tool, which `adopting` has read."""

    source: Source
    wish: AdoptWish
    old: OldHistory | None = None
    """As it was last read."""
    before: Before = field(default_factory=Before)
    """What was taken over before."""
    locks_by_row: bool = False
    """Whether the tool has the table whose rows are its locks."""
    decided: Adopting | None = None
    known: Known = field(default_factory=dict)
    _proofs: dict[tuple[str, str], bool] = field(default_factory=dict)

    def wants(self, history: History) -> set[str]:  # noqa: ARG002 - of the protocol
        """Nothing but the files."""
        return set()

    def decide(
        self,
        history: History,
        stored: Stored,  # noqa: ARG002 - as above
        so_far: SoFar | None,  # noqa: ARG002 - as above
    ) -> Plan:
        """What is to be taken over of what was read.

        Raises:
            InvalidUsage: nothing says which of the files are applied.
        """
        assert self.old is not None  # noqa: S101 - what is decided on was read
        pairing = self._pairing(self.old)
        require_mark(self.wish, self.old, pairing, self.source.layout)
        definitions, problems = read_definitions(self.source, history, known=self.known)
        self._prove(pairing, problems)
        self.decided = decide_adopt(
            self.source.files,
            problems,
            history,
            definitions,
            old=self.old,
            pairing=pairing,
            proofs=self._proofs,
            wish=self.wish,
            before=self.before,
        )
        return self.decided.plan

    def _pairing(self, old: OldHistory) -> Pairing:
        if self.source.layout == old.tool:
            return pair_in_place(self.source.files, old)
        return pair_by_mark(old)

    def _prove(self, pairing: Pairing, problems: list[Problem]) -> None:
        """Hold each file against the tool's checksum; once, since a run looks twice."""
        for file, checksum in pairing.to_prove:
            if (file.file, checksum) in self._proofs:
                continue
            try:
                proved = pairing.proves(file.content(), checksum)
            except Unreadable as error:
                problems += error.problems
            else:
                self._proofs[file.file, checksum] = proved
