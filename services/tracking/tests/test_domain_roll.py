"""Which machine may get another label, as a table: what was recorded before, and the answer."""

import pytest

from services.tracking.domain import item, roll
from services.tracking.tests.test_domain_item import ITEM, registered
from shared.events.tracking import Corrected, ItemRegistered, LabelBound, Received
from shared.ids import Label
from shared.refused import Refused

OLD, NEW = "7K3D9Q2MX", "0B72VC2T5"
BOUND = LabelBound(item=ITEM, label=NEW, before=OLD, token_sha256="0" * 64)


@pytest.mark.parametrize(
    ("recorded", "cage", "code"),
    [
        ({ItemRegistered.kind}, None, None),
        ({ItemRegistered.kind, Corrected.kind, LabelBound.kind}, None, None),
        ({ItemRegistered.kind}, "5", "in-a-cage"),
        ({ItemRegistered.kind, Received.kind}, None, "label-in-use"),
        ({ItemRegistered.kind, "erasure.medium-erased.v1"}, None, "label-in-use"),
        ({ItemRegistered.kind, "tracking.exception-requested.v1"}, None, "label-in-use"),
        ({ItemRegistered.kind, "certificates.issued.v1"}, None, "label-in-use"),
    ],
)
def test_a_label_is_changed_only_while_nothing_was_read_off_it(
    recorded: set[str], cage: str | None, code: str | None
) -> None:
    known = item.fold([registered()])
    if code is None:
        assert roll.bind(known, Label(NEW), "0" * 64, recorded, cage) == BOUND
        return
    with pytest.raises(Refused) as refused:
        roll.bind(known, Label(NEW), "0" * 64, recorded, cage)
    assert refused.value.code == code
    for sentence in (refused.value.ja, refused.value.en):
        assert "7K3D-9Q2M-X" in sentence, "says which label to go on with"


def test_a_bound_machine_is_known_by_its_new_label_and_token() -> None:
    known = item.fold([registered(), BOUND]).registered
    assert (known.label, known.token_sha256, known.item) == (NEW, "0" * 64, ITEM)
    assert item.fold([registered(), BOUND, Received(item=ITEM, centre="c")]).name_candidate().label == NEW
