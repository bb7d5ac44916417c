"""Image references as parsed values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import refs
from pipeline.refs import Reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("debian", Reference("docker.io", "library/debian")),
        ("debian:bookworm", Reference("docker.io", "library/debian", "bookworm")),
        ("jupyter/base-notebook", Reference("docker.io", "jupyter/base-notebook")),
        ("quay.io/jupyter/base-notebook:x", Reference("quay.io", "jupyter/base-notebook", "x")),
        ("localhost/a", Reference("localhost", "a")),
        ("localhost:5000/a/b:1", Reference("localhost:5000", "a/b", "1")),
        ("127.0.0.1:5000/a", Reference("127.0.0.1:5000", "a")),
        ("[::1]:5000/a", Reference("[::1]:5000", "a")),
        ("Registry/a", Reference("Registry", "a")),
        ("docker.io/debian", Reference("docker.io", "library/debian")),
        ("index.docker.io/library/debian", Reference("docker.io", "library/debian")),
        (f"debian@{DIGEST}", Reference("docker.io", "library/debian", "", DIGEST)),
        (f"debian:12@{DIGEST}", Reference("docker.io", "library/debian", "12", DIGEST)),
        ("a__b/c--d", Reference("docker.io", "a__b/c--d")),
        ("docker.io/library/a/b", Reference("docker.io", "library/a/b")),
        ("docker.io/localhost/a", Reference("docker.io", "localhost/a")),
        ("docker.io/a.b/c", Reference("docker.io", "a.b/c")),
    ],
)
def test_a_reference_is_read_with_dockers_defaults(text: str, parsed: Reference) -> None:
    assert refs.parse(text) == parsed
    assert refs.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not a valid image name"),
        ("Debian", "must be lower case"),
        ("jupyter/Base", "must be lower case"),
        ("debian:", "no valid tag"),
        ("debian:a b", "no valid tag"),
        ("debian:" + "x" * 129, "no valid tag"),
        ("debian@sha256:123", "no valid digest"),
        ("debian@", "no valid digest"),
        ("https://quay.io/a", "no valid registry"),
        ("-x.io/a", "no valid registry"),
        ("a//b", "is not a valid image name"),
        ("<jupyter>/a", "is not a valid image name"),
        ("a b", "is not a valid image name"),
        ("debian\n", "is not a valid image name"),
        ("débian", "is not a valid image name"),
        ("a_-b", "is not a valid image name"),
    ],
)
def test_what_is_no_reference_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        refs.parse(text)


part = st.from_regex(r"[a-z0-9]{1,6}(?:[._-][a-z0-9]{1,4}){0,2}", fullmatch=True) | st.sampled_from(
    ["library", "localhost", "docker.io", "a.b"]
)
references = st.builds(
    Reference,
    st.sampled_from(["docker.io", "quay.io", "localhost", "localhost:5000", "[::1]:80"]),
    st.lists(part, min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "latest", "1.2_3-x"]),
    st.sampled_from(["", DIGEST]),
).map(
    lambda r: (
        Reference(r.registry, f"library/{r.repository}", r.tag, r.digest)
        if r.registry == "docker.io" and "/" not in r.repository
        else r
    )
)


@given(references)
def test_a_reference_written_out_is_read_as_itself(reference: Reference) -> None:
    assert refs.parse(str(reference)) == reference


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        parsed = refs.parse(text)
    except ValueError:
        return
    assert refs.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("text", "glob", "expected"),
    [
        ("ubuntu:18.04", "ubuntu:*", True),
        ("ubuntu", "ubuntu:latest", True),
        ("ubuntu:18.04", "ubuntu", True),
        ("docker.io/library/ubuntu:18.04", "ubuntu:*", True),
        ("ubuntu:18.04", "docker.io/library/ubuntu:*", True),
        ("ubuntu:18.04", "library/ubuntu", True),
        (f"ubuntu:18.04@{DIGEST}", "ubuntu:18.04", True),
        ("localhost:5000/ubuntu:1", "localhost:5000/ubuntu", True),
        ("nvidia/cuda:12-devel", "nvidia/cuda:12-*", True),
        ("nvidia/cuda:12-devel", "nvidia/*", True),
        ("ubuntu:18.04", "ubuntu:20.04", False),
        ("jupyter/ubuntu:18.04", "ubuntu:*", False),
        ("quay.io/library/ubuntu:18.04", "ubuntu:*", False),
        ("xubuntu:18.04", "ubuntu", False),
        ("ubuntu:18.04", "Ubuntu:*", False),
    ],
)
def test_a_glob_names_references_whatever_their_digest(text: str, glob: str, *, expected: bool) -> None:
    assert refs.parse(text).matches(glob) is expected


def test_a_pinned_reference_keeps_its_tag_for_peoples_sake() -> None:
    assert refs.parse("debian:12").pinned(DIGEST) == f"debian:12@{DIGEST}"
    assert refs.parse("debian").pinned(DIGEST) == f"debian@{DIGEST}"


def test_another_tag_drops_the_digest() -> None:
    assert str(refs.parse(f"quay.io/a:1@{DIGEST}").with_tag("2")) == "quay.io/a:2"
