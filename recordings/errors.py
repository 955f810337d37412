"""What this room refuses, each with the sentence that people read."""

from core.errors import InvalidInput, NotAllowed, NotFound


class CallUnknown(NotFound):
    """No such call, or not this person's to see."""

    code = "call_unknown"
    text = "没有找到该通话，或您无权查看。"


class RecordingUnknown(NotFound):
    """No such recording."""

    code = "recording_unknown"
    text = "没有找到该录音。"


class RecordingClosed(NotAllowed):
    """The person's roles do not open this recording (mission §5.9)."""

    code = "recording_closed"
    text = "您无权收听该录音；确需收听的，请联系监察部门。"


class RecordingGone(NotFound):
    """The row exists, the audio does not: purged, or lost from the disk."""

    code = "recording_gone"
    status = 410
    text = "该录音的音频文件已清除或丢失，请联系系统管理员。"


class ReasonMissing(InvalidInput):
    """Taking a recording out of the system needs a reason (M-59)."""

    code = "reason_missing"
    text = "下载录音须填写理由（至少4个字）。"


class PlayExpired(NotAllowed):
    """The page's leave to play has ended; playing again asks anew."""

    code = "play_expired"
    text = "本次播放已结束，请重新点击播放。"
