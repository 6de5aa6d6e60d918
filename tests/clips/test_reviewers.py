"""Several reviewers: each decision has its author, conflicts are listed, and a rule says what is done."""

from pathlib import Path

import pytest

from emodal_data.annotations.agreement import nominal_alpha
from emodal_data.clips.overrides import Override, overrides_sha256, read_overrides
from emodal_data.clips.reviewers import conflict_lines, review_summary, settle
from emodal_data.core.errors import InputError


def file_of(folder: Path, name: str, *lines: str, header: str = "clip_id,decision,label,note") -> Path:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in (header, *lines)))
    return path


@pytest.fixture
def decisions(tmp_path: Path) -> list[Override]:
    """Three reviewers: of c1 two say sad, of c2 each says another thing, of c3 two agree, c4 one decided alone."""
    anna = file_of(tmp_path, "anna.csv", "c1,relabel,sad,slow", "c2,drop,,", "c3,drop,,", "c4,relabel,happy,")
    ben = file_of(tmp_path, "ben.csv", "c1,relabel,sad,quiet", "c2,relabel,sad,", "c3,drop,,")
    cat = file_of(tmp_path, "cat.csv", "c1,relabel,angry,", "c2,relabel,happy,")
    return read_overrides([anna, ben, cat])


def test_the_name_of_the_file_is_the_author_unless_a_column_says_it(tmp_path: Path) -> None:
    header = "clip_id,decision,author"
    anna = file_of(tmp_path, "anna.csv", "c1,drop")
    both = file_of(tmp_path, "both.csv", "c1,drop,ben", "c1,drop,cat", "c2,drop,", header=header)
    authors = [(one.clip_id, one.author) for one in read_overrides([anna, both])]
    assert authors == [("c1", "anna"), ("c1", "ben"), ("c1", "cat"), ("c2", "both")]


def test_an_author_who_decides_a_clip_twice_is_told_with_both_places(tmp_path: Path) -> None:
    header = "clip_id,decision,author"
    one = file_of(tmp_path, "one.csv", "c1,drop,ann", header=header)
    two = file_of(tmp_path, "two.csv", "c2,drop,ann", "c1,drop,ann", header=header)
    with pytest.raises(InputError) as error:
        read_overrides([one, two])
    assert str(error.value).startswith(f"{two}: row 3: clip c1 is decided in {one}, row 2 already; keep one")


def test_the_decision_of_most_authors_is_taken_with_their_names_and_notes(decisions: list[Override]) -> None:
    first = settle(decisions)["c1"].taken
    assert (first.verdict, first.author) == ("sad", "anna, ben")
    assert first.note == "slow; quiet; against: cat angry"


def test_between_equally_many_the_file_named_last_decides(decisions: list[Override]) -> None:
    second = settle(decisions)["c2"].taken
    assert (second.verdict, second.author) == ("happy", "cat")
    backwards = [one for author in ("cat", "ben", "anna") for one in decisions if one.author == author]
    assert settle(backwards)["c2"].taken.verdict == "drop"
    assert settle(backwards)["c1"].taken.verdict == "sad"


def test_conflicts_are_listed_a_line_each(decisions: list[Override]) -> None:
    assert conflict_lines(settle(decisions)) == [
        "clip c1: sad (anna, ben) is taken, against cat angry",
        "clip c2: happy (cat) is taken, against anna drop, ben sad",
    ]


def test_agreement_counts_the_clips_that_several_decided(decisions: list[Override]) -> None:
    import numpy as np

    # Columns: angry, drop, happy, sad.
    counts = np.array([[1, 0, 0, 2], [0, 1, 1, 1], [0, 2, 0, 0], [0, 0, 1, 0]])
    assert review_summary(decisions) == {
        "reviewers": 3,
        "clips": 4,
        "in_common": 3,
        "agreed": 1,
        "alpha": nominal_alpha(counts),
    }
    assert review_summary([]) == {}


def test_the_hash_of_one_file_is_its_own_and_of_several_depends_on_their_order(tmp_path: Path) -> None:
    one, two = file_of(tmp_path, "one.csv", "c1,drop,,"), file_of(tmp_path, "two.csv", "c2,drop,,")
    assert overrides_sha256([]) is None
    hashes = {overrides_sha256(paths) for paths in ([one], [two], [one, two], [two, one])}
    assert len(hashes) == 4
