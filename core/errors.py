"""The root of every expected refusal.

An error says what to do in one Chinese sentence (`text`), keeps a stable `code` for programs and the HTTP
`status` that fits it. The sentence is formatted at the edge with the fields the error was raised with.
"""

import errno
from typing import Any, ClassVar

_REASONS = {
    errno.ENOENT: "没有这个文件或目录",
    errno.EACCES: "没有权限",
    errno.EISDIR: "是目录，不是文件",
    errno.ENOSPC: "磁盘已满",
    errno.ECONNREFUSED: "拒绝连接",
}


class HotlineError(Exception):
    """Something went wrong inside the hotline."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    text: ClassVar[str] = "系统暂时出错，请稍后再试；如仍不行，请联系管理员。"

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The Chinese sentence for people, with this error's fields filled in."""
        return self.text.format(**self.fields)


class InvalidInput(HotlineError):
    """A field was refused; `field` names it and `reason` says in Chinese what is expected."""

    code = "invalid_input"
    status = 422
    text = "{field}：{reason}"


class NotFound(HotlineError):
    """The object does not exist, or is not this person's to see."""

    code = "not_found"
    status = 404
    text = "没有找到您要的内容，请核对后再试。"


class NotAllowed(HotlineError):
    """The signed-in person lacks the role for this."""

    code = "not_allowed"
    status = 403
    text = "您没有此项权限，如需使用请联系管理员。"


class LoginRequired(HotlineError):
    """Nobody is signed in, or the session has ended."""

    code = "login_required"
    status = 401
    text = "登录已失效，请重新登录。"


class Conflict(HotlineError):
    """Somebody else changed the same thing first."""

    code = "conflict"
    status = 409
    text = "内容已被他人修改，请刷新后重试。"


class TooManyRequests(HotlineError):
    """A rate limit was reached; `wait_s` says for how long."""

    code = "too_many_requests"
    status = 429
    text = "操作过于频繁，请在 {wait_s} 秒后再试。"


def why(error: OSError) -> str:
    """What the system says, in Chinese where it is common."""
    return _REASONS.get(error.errno or 0) or error.strerror or "无法访问"
