"""Reading a SIP message just far enough to judge it."""

import pytest

from agent_desktop.softphone.sip_text import Dialogs, parse, refusal


def request(
    method: str, *, sender: str = "<sip:w1001@96128.invalid>", to_tag: str = "", call_id: str = "a1"
) -> str:
    return "\r\n".join(
        [
            f"{method} sip:96128@96128.invalid SIP/2.0",
            "Via: SIP/2.0/WS x.invalid;branch=z9hG4bK1",
            f"From: {sender};tag=77",
            f"To: <sip:96128@96128.invalid>{to_tag}",
            f"Call-ID: {call_id}",
            f"CSeq: 1 {method}",
            "",
            "",
        ]
    )


def response(status: int, method: str = "INVITE", call_id: str = "a1") -> str:
    return f"SIP/2.0 {status} X\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\r\n"


@pytest.mark.parametrize(
    ("sender", "user"),
    [
        ("<sip:w1001@96128.invalid>", "w1001"),
        ("sip:w1001@96128.invalid", "w1001"),
        ('"sip:w1002@x" <sip:w1001@96128.invalid>', "w1001"),
        ('"a \\" <sip:w1002@x>" <sip:w1001@y>', "w1001"),
        ("sip:w1002@x <sip:w1001@y>", "w1001"),
        ("<tel:1001>", ""),
        ("<sip:w10%301@x>", "w10%301"),
    ],
)
def test_the_sender_is_the_address_and_never_the_display_name(sender: str, user: str) -> None:
    """A name that looks like somebody's address does not make one that person."""
    head = parse(request("INVITE", sender=sender))
    assert head is not None
    assert head.from_user == user


def test_two_senders_are_nobody() -> None:
    """A message with two From headers (also in short form) names nobody."""
    head = parse(request("REGISTER").replace("Via:", "f: <sip:w1002@x>\r\nVia:"))
    assert head is not None
    assert head.from_user == ""


def test_a_folded_header_is_read_whole() -> None:
    """A header continued on the next line belongs together."""
    head = parse(request("INVITE").replace("From: ", "From:\r\n "))
    assert head is not None
    assert head.from_user == "w1001"


@pytest.mark.parametrize(
    "text", ["", "\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "INVITE sip:x SIP/3.0", "\x00\xff"]
)
def test_rubbish_is_no_message(text: str) -> None:
    """Keep-alives and rubbish are recognised as no SIP message."""
    assert parse(text) is None


def test_a_refusal_answers_the_request_it_refuses() -> None:
    """The refusal carries the request's Via, From, Call-ID and CSeq, and a tag on To."""
    head = parse(request("INVITE"))
    assert head is not None
    text = refusal(head, 503, "Too Many Calls")
    assert text.startswith("SIP/2.0 503 Too Many Calls\r\n")
    answer = parse(text)
    assert answer is not None
    assert (answer.one("call-id"), answer.cseq_method, answer.is_initial) == ("a1", "INVITE", False)


@pytest.mark.parametrize(
    ("story", "busy"),
    [
        ([request("INVITE")], True),
        ([request("INVITE"), response(401)], True),
        ([request("INVITE"), response(486)], False),
        ([request("INVITE"), response(200), response(200)], True),
        ([request("INVITE"), response(200), request("INVITE", to_tag=";tag=9"), response(488)], True),
        ([request("INVITE"), response(200), request("BYE", to_tag=";tag=9")], False),
        ([request("REGISTER"), response(200, "REGISTER")], False),
        ([request("INVITE"), request("INVITE", call_id="b2"), response(603)], True),
    ],
)
def test_a_telephone_is_busy_from_the_invite_to_the_end(story: list[str], busy: bool) -> None:
    """Calls are followed by what passes: challenges and refused re-INVITEs end nothing."""
    dialogs = Dialogs()
    for text in story:
        head = parse(text)
        assert head is not None
        dialogs.see(head)
    assert dialogs.busy is busy
