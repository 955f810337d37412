"""Voice encrypted on both sides (语音加密, SRTP with SDES): a citizen over the trunk and an operator's desk telephone."""

from pathlib import Path

import pytest
from support.calls import CALLER_HZ, OPERATOR_HZ, Exchange
from support.hotline import running_hotline
from support.quick import Quick
from support.sipphone import CallRefused

from recordings.models import RecordingKind

pytestmark = pytest.mark.asyncio(loop_scope="session")
NOT_ACCEPTABLE = 488


async def test_a_talk_is_encrypted_and_recorded(tmp_path: Path):
    """Each hears the other through keys that only the two sides have, keys pressed reach the menu, the recording is whole; who does not
    encrypt is refused.
    """
    more = {"HOTLINE__ASTERISK__SRTP_PHONES": "true", "HOTLINE__ASTERISK__SRTP_TRUNK": "true"}
    async with running_hotline(tmp_path, **more) as city, Exchange(city) as on, Quick(city):
        plain = await on.caller()
        with pytest.raises(CallRefused) as refused:
            await (await plain.call("96128")).answered()
        assert refused.value.ending.code == NOT_ACCEPTABLE

        operator, caller = await on.operator(), await on.caller()
        operator.encrypts = caller.encrypts = True
        call = await on.dial(caller)
        await on.walk(call, ("MAIN", "0"))
        answered = await operator.incoming(15)
        await answered.until_hears(CALLER_HZ, timeout=15)
        await call.until_hears(OPERATOR_HZ)
        for one in (call, answered):
            assert b"RTP/SAVP" in one.invite.body
        await call.hangup()
        record = await on.record(call)
        assert record.talk_ms > 0
        assert [one.kind for one in await on.recordings(record)] == [RecordingKind.TALK]
