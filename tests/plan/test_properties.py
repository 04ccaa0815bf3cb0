"""What holds of every plan, whatever files and history come together."""

from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from asyncmigrate._migration import History, MigrationFile, order_of
from asyncmigrate._plan import (
    Plan,
    RollbackWish,
    SoFar,
    choose_rollback,
    decide_rollback,
    nearest_versions,
    what_is_left,
)
from asyncmigrate._plan.versions import canonical
from tests.plan.making import (
    carried_out,
    definitions,
    file,
    history,
    labels,
    migrate,
    row,
)

numbers = st.integers(0, 40)
texts = st.sampled_from(["SELECT 1;", "SELECT  1;", "SELECT 2;", "SELECT 3;"])
versioned = st.builds(
    lambda number, zeros, text: file(f"{'0' * zeros}{number}", text),
    numbers,
    st.integers(0, 3),
    texts,
)
repeatables = st.builds(
    lambda name, text: file(f"repeatable/{name}.sql", text),
    st.sampled_from("abc"),
    texts,
)
directories = st.lists(
    st.one_of(versioned, repeatables), max_size=8, unique_by=lambda each: each.key
)
histories = directories.map(lambda files: history(*map(row, files)))


@given(files=directories, of=histories, loose=st.booleans())
def test_a_plan_that_was_done_leaves_nothing_to_do(
    files: list[MigrationFile], of: History, *, loose: bool
) -> None:
    plan = migrate(files, of, allow_out_of_order=loose)
    assume(not plan.conflicts)

    again = migrate(files, carried_out(plan, of), allow_out_of_order=True)

    assert again.is_empty
    assert again.conflicts == ()
    assert again.refresh == ()


@given(directories, histories)
def test_deciding_twice_says_the_same(files: list[MigrationFile], of: History) -> None:
    first, second = migrate(files, of), migrate(files[::-1], of)

    assert labels(first) == labels(second)
    assert set(first.conflicts) == set(second.conflicts)


@given(directories, histories)
def test_a_plan_has_steps_or_conflicts_and_never_both(
    files: list[MigrationFile], of: History
) -> None:
    plan = migrate(files, of)

    assert not (plan.steps and plan.conflicts)


@given(directories)
def test_a_plan_goes_up_by_versions_and_then_by_paths(
    files: list[MigrationFile],
) -> None:
    steps = [step.version for step in migrate(files, History()).steps]

    whole = [text for text in steps if "/" not in text]
    assert whole == sorted(whole, key=int)
    assert steps[len(whole) :] == sorted(text for text in steps if "/" in text)
    assert len(steps) == len(files)


@given(directories, st.data())
def test_to_a_target_and_on_is_the_same_as_at_once(
    files: list[MigrationFile], data: st.DataObject
) -> None:
    versions = [each.label for each in files if each.version]
    assume(versions)
    target = data.draw(st.sampled_from(versions))

    first = migrate(files, History(), target=target)
    then = migrate(files, carried_out(first, History()))

    assert labels(first) + labels(then) == labels(migrate(files, History()))


@given(numbers, st.integers(0, 5))
def test_zeros_in_front_do_not_make_another_version(number: int, zeros: int) -> None:
    assert canonical(f"{'0' * zeros}{number}") == str(number)


@given(st.lists(numbers, min_size=1), numbers)
def test_the_nearest_versions_are_known_in_order_and_close(
    known: list[int], wanted: int
) -> None:
    near = [int(text) for text in nearest_versions(str(wanted), list(map(str, known)))]

    assert near == sorted(set(near) & set(known))
    assert 1 <= len(near) <= 3
    assert min(known, key=lambda each: (abs(each - wanted), -each)) in near


@given(st.lists(st.tuples(numbers, numbers), min_size=2))
def test_groups_of_digits_sort_as_numbers(pairs: list[tuple[int, int]]) -> None:
    keys = [f"{first}_{second}" for first, second in pairs]

    assert sorted(keys, key=order_of) == [
        f"{first}_{second}" for first, second in sorted(pairs)
    ]


class Releases(RuleBasedStateMachine):
    """A database over many releases: files come, are applied, are undone."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[MigrationFile] = []
        self.history = History()
        self.newest = 0

    @rule(text=texts)
    def add(self, text: str) -> None:
        self.newest += 1
        self.files.append(file(f"{self.newest:03}", text))

    @rule(name=st.sampled_from("ab"), text=texts)
    def change_repeatable(self, name: str, text: str) -> None:
        path = f"repeatable/{name}.sql"
        self.files = [each for each in self.files if each.file != path]
        self.files.append(file(path, text))

    @precondition(lambda self: self.newest)
    @rule(data=st.data())
    def migrate_some(self, data: st.DataObject) -> None:
        target = str(data.draw(st.integers(1, self.newest)))
        plan = migrate(self.files, self.history, target=target)
        assert plan.conflicts == ()
        self.history = carried_out(plan, self.history)

    @rule()
    def migrate_all(self) -> None:
        plan = migrate(self.files, self.history)
        assert plan.conflicts == ()
        self.history = carried_out(plan, self.history)
        keys = {each.version_key for each in self.history.rows}
        keys |= {each.version_key for each in self.history.repeatables}
        assert keys == {each.key for each in self.files}

    @rule(steps=st.integers(1, 4), done=st.integers(0, 8), redo=st.booleans())
    def roll_back(self, steps: int, done: int, *, redo: bool) -> None:
        """On a second session after *done* steps, which finishes what was begun."""
        before = [each.version for each in self.history.rows]
        rows = choose_rollback(self.files, self.history, RollbackWish(steps=steps))
        plan = decide_rollback(
            self.files,
            (),
            self.history,
            definitions(self.files, self.history, every=True),
            stored={},
            chosen=rows,
            redo=redo,
        )
        since = self.history
        self.history = carried_out(Plan(steps=plan.steps[:done]), since)
        undone = frozenset(step.version for step in plan.steps[:done])
        so_far = SoFar(run_id="run", undone=undone, given_up=frozenset())
        left = what_is_left(plan, since, self.history, so_far)
        assert labels(left) == labels(plan)[done:]
        self.history = carried_out(left, self.history)
        assert [each.version for each in self.history.rows] == (
            before if redo else before[: -len(rows) or None]
        )

    @invariant()
    def at_most_one_row_of_a_version_stands(self) -> None:
        keys = [each.version_key for each in self.history.rows]
        assert len(keys) == len(set(keys))


test_a_database_over_many_releases_is_never_in_conflict = Releases.TestCase
