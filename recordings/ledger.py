"""The ledger (流水): what happened in a call, append-only, in the order it happened.

The kinds below are the whole vocabulary; after each, the keys of `data`. Who says so is not this module's affair.
"""

ARRIVED = "arrived"  # line, caller; of a practice call also mark and sample
NODE = "node"  # node
KEY = "key"  # node, key (digits of codes and numbers are replaced by •)
TIMEOUT = "timeout"  # node
INVALID = "invalid"  # node, key
TURNED_AWAY = "turned_away"  # no data: the line had as many callers as it may have
QUEUED = "queued"  # queue, position
OFFERED = "offered"  # extension, user, role (of a transfer: liaison, backup, service_phone)
NO_ANSWER = "no_answer"  # extension, user, role, why (timeout, busy, refused, gone, not_accepted: no key)
ANSWERED = "answered"  # extension, user, role (operator, liaison, backup, service_phone, citizen), wait_ms
BRIDGED = "bridged"  # bridge, extension; the channel is the partner's, the caller is the other side
UNBRIDGED = "unbridged"  # bridge
JOINED = "joined"  # extension: one more in the running talk (三方通话)
HELD = "held"  # by
RESUMED = "resumed"  # by
TRANSFER_STARTED = (
    "transfer_started"  # mode (blind, attended, menu, or a liaison's onward), unit, extension, by
)
TRANSFER_ANSWERED = "transfer_answered"  # extension, user, role, unit
TRANSFER_FAILED = "transfer_failed"  # why (no_answer, busy, refused, gone, cancelled, left, abandoned), tried (user, role, why)
TRANSFER_COMPLETED = "transfer_completed"  # mode (as started, or three_way), unit
HANDED_BACK = "handed_back"  # extension, user, unit: the liaison gives the caller back, a mis-transfer (M-34)
RETURNED = "returned"  # to (operator's extension or `queue`)
RECLAIMED = "reclaimed"  # extension: the operator's page came back to a running call
LEFT_QUEUE = "left_queue"  # why (answered, abandoned, timeout, voicemail, call_back, empty, moved, other)
RECORDED = "recorded"  # recording kind, duration_ms
TICKET = "ticket"  # ticket_no
CODE_SPOKEN = "code_spoken"  # times
SURVEYED = "surveyed"  # about (operator, unit), score (None: no key)
SUPERVISED = "supervised"  # mode (listen, whisper, barge, take_over), extension, user, ms (None: it begins)
MOVED = "moved"  # to (front, operator, line), extension or line, user: a supervisor moves a waiting caller
PARTY_LEFT = "party_left"  # extension, user, cause
ENDED = "ended"  # cause, node

LOST = frozenset({"18", "27", "38", "41", "44", "102"})
"""Causes (Q.850) of a `party_left` that nobody chose: the telephone answers no more, its network is out of order, or, 44, no
sound has come from it."""

KINDS = frozenset(
    value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str)
)
