"""What a build can touch of its context is what BuildKit would send and copy."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dockerfile import Read, facts, parse
from pipeline.dockerfile.globs import ignore_matcher, match
from pipeline.errors import InputError
from pipeline.ignore import NOTHING, Entry, Ignore, Walk, parse_ignore, select


def tree(*paths: str) -> list[Entry]:
    """`a/` is a folder, `a -> b` a link, everything else a file; folders above are made."""
    found: dict[str, Entry] = {}
    for path in paths:
        name, _, target = path.partition(" -> ")
        parts = name.strip("/").split("/")
        for depth in range(1, len(parts)):
            above = "/".join(parts[:depth])
            found.setdefault(above, Entry(above, "dir"))
        kind = "link" if target else "dir" if name.endswith("/") else "file"
        found[name.strip("/")] = Entry(name.strip("/"), kind, target)
    return list(found.values())


def ignoring(*lines: str) -> Ignore:
    return parse_ignore("\n".join(lines).encode(), ".dockerignore")


def kept(entries: list[Entry], *lines: str) -> list[str]:
    return list(select(entries, [Read("", 1)], ignoring(*lines)))


def taken(entries: Iterable[Entry], *sources: str, exclude: tuple[str, ...] = ()) -> list[str]:
    return list(select(entries, [Read(source, 1, exclude=exclude) for source in sources], NOTHING))


class TestIgnore:
    @pytest.mark.parametrize(
        ("lines", "dropped"),
        [
            (["b"], ["b", "b/x.py", "b/y.md"]),
            (["/b"], ["b", "b/x.py", "b/y.md"]),
            (["b/"], ["b", "b/x.py", "b/y.md"]),
            (["./b/../b"], ["b", "b/x.py", "b/y.md"]),
            (["  b \t\r"], ["b", "b/x.py", "b/y.md"]),
            (["# b"], []),
            ([" # b"], []),
            (["", "   "], []),
            (["b/*"], ["b/x.py", "b/y.md"]),
            (["b/**"], ["b/x.py", "b/y.md"]),
            (["*.py"], ["a.py"]),
            (["**/*.py"], ["a.py", "b/x.py", "c/d/x.py"]),
            (["**/x.py"], ["b/x.py", "c/d/x.py"]),
            (["**.md"], ["b/y.md", "c/z.md"]),
            (["*/x.py"], ["b/x.py"]),
            (["c/**/x.py"], ["c/d/x.py"]),
            (["?"], ["b", "b/x.py", "b/y.md", "c", "c/d", "c/d/x.py", "c/z.md"]),
            (["[ab]", "[^ab].md"], ["b", "b/x.py", "b/y.md"]),
            (["b", "!b/x.py"], ["b", "b/y.md"]),
            (["b", "! b/x.py"], ["b", "b/y.md"]),
            (["!b/x.py", "b"], ["b", "b/x.py", "b/y.md"]),
            (["*", "!c/d"], ["a.py", "b", "b/x.py", "b/y.md", "c", "c/z.md"]),
            (["**", "!**/*.md"], ["a.py", "b", "b/x.py", "c", "c/d", "c/d/x.py"]),
            (["c", "!c/d", "c/d/x.py"], ["c", "c/d/x.py", "c/z.md"]),
            (["d"], []),
            (["x.py"], []),
            (["B"], []),
            (["."], []),
            (["/"], []),
            (["../b"], []),
            (["\\b"], []),
        ],
    )
    def test_the_last_pattern_that_matches_a_path_or_a_folder_above_it_decides(
        self, lines: list[str], dropped: list[str]
    ) -> None:
        entries = tree("a.py", "b/x.py", "b/y.md", "c/d/x.py", "c/z.md")
        everything = {entry.path for entry in entries}
        assert sorted(everything - set(kept(entries, *lines))) == dropped

    def test_an_exception_is_not_looked_for_where_it_could_not_begin(self) -> None:
        # BuildKit enters an ignored folder only if an exception begins like its path.
        entries = tree("a/b/c", "d/b/c")
        assert kept(entries, "a", "d", "!a/b") == ["a/b", "a/b/c"]
        assert kept(entries, "a", "d", "!*/b/c") == ["a/b/c", "d/b/c"]

    def test_a_pattern_that_was_skipped_above_does_not_count_below(self) -> None:
        # A quirk of its walk: the second "d" is not tried on the folder, and does not match what is in it.
        assert kept(tree("d/x"), "d", "!d/x", "d") == ["d/x"]

    def test_empty_folders_stay(self) -> None:
        assert kept(tree("a/", "b/x"), "b/x") == ["a", "b"]

    def test_a_byte_order_mark_and_bytes_that_are_no_text_are_survived(self) -> None:
        ignore = parse_ignore(b"\xef\xbb\xbfa\n\xff\xfe\n", ".dockerignore")
        assert [ignore.excludes(path) for path in ("a", "b", "\udcff\udcfe")] == [True, False, True]

    @pytest.mark.parametrize("line", ["!", "! ", "!/", "[", "a[", "[]a]", "[a-", "[b-a]*", "a\\", "*\\y"])
    def test_what_buildkit_refuses_is_refused_with_its_line(self, line: str) -> None:
        with pytest.raises(InputError) as caught:
            ignoring("ok", line)
        assert caught.value.problems[0].where == ".dockerignore:2"

    def test_all_bad_lines_are_told_together(self) -> None:
        with pytest.raises(InputError) as caught:
            ignoring("!", "ok", "[")
        assert [problem.where[-2:] for problem in caught.value.problems] == [":1", ":3"]

    def test_a_walk_knows_which_folders_need_no_look(self) -> None:
        walk = Walk(ignoring("a", "b", "!b/keep"))
        assert walk.prunes("a")
        assert walk.prunes("a/x")
        assert not walk.prunes("b")
        assert not walk.prunes("c")

    def test_many_wildcards_take_no_time(self) -> None:
        pattern = "*a" * 30 + "b"
        start = time.perf_counter()
        assert not ignore_matcher(pattern)("a" * 200)
        assert not match(pattern, "a" * 200)
        with pytest.raises(ValueError, match="too many wildcards"):
            ignore_matcher("**/*[a]" * 20)
        assert time.perf_counter() - start < 1


class TestSources:
    ENTRIES = tree("Dockerfile", ".dockerignore", "a/x.py", "a/y.md", "a/b/z.py", "empty/", "top.py")

    @pytest.mark.parametrize(
        ("source", "paths"),
        [
            ("top.py", ["top.py"]),
            ("a", ["a", "a/b", "a/b/z.py", "a/x.py", "a/y.md"]),
            ("a/b", ["a/b", "a/b/z.py"]),
            ("empty", ["empty"]),
            ("*.py", ["top.py"]),
            ("a/*.py", ["a", "a/x.py"]),
            ("*/*.py", ["a/x.py"]),
            ("?", ["a", "a/b", "a/b/z.py", "a/x.py", "a/y.md"]),
            ("[a-c]/[xy].[pm][yd]", ["a/x.py", "a/y.md"]),
            ("a/[^x]*.*", ["a", "a/y.md"]),
            ("**/*.py", ["a/b/z.py", "a/x.py", "top.py"]),
            ("a/**", ["a", "a/b", "a/b/z.py", "a/x.py", "a/y.md"]),
            ("missing", []),
            ("missing*", []),
            ("top.py/x", []),
            ("[", []),
            ("a?x.py", []),
        ],
    )
    def test_a_source_reads_what_it_matches_and_all_beneath(self, source: str, paths: list[str]) -> None:
        assert taken(self.ENTRIES, source) == paths

    @pytest.mark.parametrize("read", [Read("", 1), Read(".", 1), Read("x", 1, whole=True)])
    def test_the_whole_context_includes_dockerfile_and_dockerignore(self, read: Read) -> None:
        assert list(select(self.ENTRIES, [read], NOTHING)) == sorted(entry.path for entry in self.ENTRIES)

    def test_nothing_is_read_without_a_source(self) -> None:
        assert select(self.ENTRIES, [], ignoring("a")) == ()

    def test_ignored_files_are_not_there(self) -> None:
        assert select(self.ENTRIES, [Read("a", 1)], ignoring("**/*.py")) == ("a", "a/b", "a/y.md")
        assert select(self.ENTRIES, [Read("top.py", 1)], ignoring("top.py")) == ()

    def test_backslashes_are_letters_except_in_a_pattern(self) -> None:
        entries = tree("a\\b", "a*b", "ab")
        assert taken(entries, "a\\b") == ["a\\b"]
        assert taken(entries, "a\\**") == ["a*b"]

    def test_a_folder_is_not_its_neighbours(self) -> None:
        entries = tree("a/x", "a-b", "a.b", "a0", "a1/x", "ab/x")
        assert taken(entries, "a") == ["a", "a/x"]

    def test_excluded_patterns_are_relative_to_the_source(self) -> None:
        entries = tree("a/x.md", "a/b/x.md", "a/b/y", "a/k")
        assert taken(entries, "a", exclude=("b/*.md",)) == ["a", "a/b", "a/b/y", "a/k", "a/x.md"]
        assert taken(entries, "a", exclude=("b", "!b/y")) == ["a", "a/b/y", "a/k", "a/x.md"]
        assert taken(entries, "a", exclude=("/b", "[")) == taken(entries, "a")

    def test_a_folder_that_a_pattern_looks_in_is_taken_even_if_nothing_matches(self) -> None:
        # Without it BuildKit would not find where to look.
        assert taken(self.ENTRIES, "a/*.txt") == ["a"]

    def test_reads_come_from_the_dockerfile(self) -> None:
        dockerfile = parse(
            b"FROM a\nCOPY a/*.py top.py /x/\nRUN --mount=source=empty,target=/e y\n", "Dockerfile"
        )
        assert select(self.ENTRIES, facts(dockerfile, {}).reads, NOTHING) == (
            "a",
            "a/x.py",
            "empty",
            "top.py",
        )


class TestLinks:
    def test_a_source_that_is_a_link_reads_the_link_and_what_it_leads_to(self) -> None:
        assert taken(tree("l -> a/f", "a/f", "a/g"), "l") == ["a/f", "l"]
        assert taken(tree("l -> a", "a/f"), "l") == ["a", "a/f", "l"]

    def test_a_source_may_pass_through_links(self) -> None:
        assert taken(tree("l -> a/b", "a/b/m -> ../f", "a/f", "a/g"), "l/m") == ["a/b/m", "a/f", "l"]

    def test_an_absolute_link_begins_at_the_context(self) -> None:
        assert taken(tree("a/l -> /b/f", "b/f"), "a/l") == ["a/l", "b/f"]

    def test_a_pattern_follows_the_links_it_matches(self) -> None:
        assert taken(tree("l1 -> a", "l2 -> b", "a", "b", "c"), "l*") == ["a", "b", "l1", "l2"]

    def test_a_link_inside_a_folder_is_only_a_link(self) -> None:
        assert taken(tree("a/l -> ../../etc", "a/f", "b"), "a") == ["a", "a/f", "a/l"]

    @pytest.mark.parametrize("target", ["../x", "a/../../x", "/etc/passwd", "b/../../..", "up/../.."])
    def test_a_source_that_leaves_the_context_is_refused(self, target: str) -> None:
        entries = tree(f"l -> {target}", "a/f", "b -> a", "up -> a")
        with pytest.raises(InputError, match="leaves the context") as caught:
            select(entries, [Read("l", 7)], NOTHING, path="x/Dockerfile")
        assert caught.value.problems[0].where == "x/Dockerfile:7"

    def test_a_link_that_is_not_followed_may_lead_anywhere(self) -> None:
        assert taken(tree("l -> ../x", "f"), "f") == ["f"]
        assert select(tree("l -> ../x", "f"), [Read("l", 1)], ignoring("l")) == ()

    def test_a_ring_of_links_is_refused(self) -> None:
        with pytest.raises(InputError, match="ring"):
            taken(tree("a -> b", "b -> a"), "a")

    def test_a_link_that_leads_nowhere_is_all_there_is(self) -> None:
        assert taken(tree("l -> gone", "f"), "l") == ["l"]


NAMES = st.sampled_from(["a", "b", "ab", "x.py", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PATTERNS = st.lists(
    st.lists(
        st.sampled_from(["a", "b", "*", "?", "**", "x.py", "*.py", "a*", "[ab]"]), min_size=1, max_size=3
    ).map("/".join),
    max_size=4,
)


@st.composite
def contexts(draw: st.DrawFn) -> list[Entry]:
    found: dict[str, Entry] = {}
    for path in draw(st.lists(PATHS, max_size=8)):
        parts = path.split("/")
        folders = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        if not any(found.get(folder, Entry("", "dir")).kind == "file" for folder in folders):
            found |= {folder: Entry(folder, "dir") for folder in folders}
            found.setdefault(path, Entry(path, "file"))
    return list(found.values())


@given(contexts(), PATTERNS)
def test_without_exceptions_a_path_is_dropped_if_it_or_a_folder_above_it_matches(
    entries: list[Entry], patterns: list[str]
) -> None:
    def matches(path: str) -> bool:
        parts = path.split("/")
        prefixes = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        return any(
            by_hand(pattern.split("/"), prefix.split("/")) for pattern in patterns for prefix in prefixes
        )

    wanted = sorted(entry.path for entry in entries if not matches(entry.path))
    assert kept(entries, *patterns) == wanted


def by_hand(pattern: list[str], path: list[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(path)  # what is in it, not the folder itself
        return any(by_hand(pattern[1:], path[at:]) for at in range(len(path) + 1))
    return bool(path) and fnmatch.fnmatchcase(path[0], pattern[0]) and by_hand(pattern[1:], path[1:])


@given(contexts(), PATTERNS, PATTERNS)
def test_more_sources_never_read_less_and_ignoring_never_adds(
    entries: list[Entry], sources: list[str], ignored: list[str]
) -> None:
    reads = [Read(source, 1) for source in sources]
    everything = set(select(entries, reads, NOTHING))
    assert set(select(entries, reads[:-1], NOTHING)) <= everything
    assert set(select(entries, reads, ignoring(*ignored))) <= everything


@given(contexts(), PATTERNS)
def test_the_order_of_the_entries_does_not_count(entries: list[Entry], sources: list[str]) -> None:
    reads = [Read(source, 1) for source in sources]
    assert select(entries, reads, NOTHING) == select(entries[::-1], reads, NOTHING)


@given(st.binary(max_size=60), PATHS)
def test_any_bytes_are_an_ignore_file_or_refused(data: bytes, path: str) -> None:
    try:
        told = parse_ignore(data, ".dockerignore").excludes(path) in {True, False}
    except InputError as error:
        told = error.problems[0].where.startswith(".dockerignore:")
    assert told
