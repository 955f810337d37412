"""What this room refuses, each with the sentence that people read."""

from core.errors import Conflict, HotlineError, InvalidInput, NotAllowed, NotFound


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


class RecordingAway(HotlineError):
    """The depot that holds the audio cannot be reached now."""

    code = "recording_away"
    status = 503
    text = "录音存储暂时无法访问，录音没有丢失；请稍后再试，仍不行请联系系统管理员。"


class ReasonMissing(InvalidInput):
    """Taking a recording out of the system needs a reason (M-59)."""

    code = "reason_missing"
    text = "下载录音须填写理由（至少4个字）。"


class PlayExpired(NotAllowed):
    """The page's permission to play has ended; playing again asks anew."""

    code = "play_expired"
    text = "本次播放已结束，请重新点击播放。"


class RecordingDamaged(HotlineError):
    """The archived file does not open with its key: it was altered, or put under another name."""

    code = "recording_damaged"
    status = 500
    text = "该录音文件校验未通过，可能已损坏或被改动。请联系系统管理员运行 hotline recordings verify 核查。"


class KeyMissing(HotlineError):
    """The keyring lacks the key that this recording's own key is wrapped with."""

    code = "recording_key_missing"
    status = 503
    text = "缺少录音密钥 {key}，无法打开录音。请系统管理员从备份恢复密钥文件后重试。"


class NothingToPurge(InvalidInput):
    """No recording is past its time, or all such are on hold or asked for already."""

    code = "nothing_to_purge"
    text = "目前没有超过保存期限、可以清除的录音。"


class PurgeOwnRequest(NotAllowed):
    """Whoever asked for a purge does not decide on it."""

    code = "purge_own_request"
    text = "清除须由另一人批准，申请人不能批准自己的申请。"


class PurgeDecided(Conflict):
    """Somebody has already approved or refused it."""

    code = "purge_decided"
    text = "该清除申请已经办结，请刷新后查看。"
