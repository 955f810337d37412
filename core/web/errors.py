"""What the web side itself refuses."""

from core.errors import HotlineError, LoginRequired


class LoginFailed(HotlineError):
    """Unknown account, wrong password or disabled account: never said which."""

    code = "login_failed"
    status = 401
    text = "用户名或密码不正确，请重新输入。"


class AccountLocked(HotlineError):
    """Too many failures in a row; `minutes` until the next try counts."""

    code = "account_locked"
    status = 429
    text = "连续输错次数过多，账号已暂时锁定，请在 {minutes} 分钟后再试，或请管理员解锁。"


class CsrfRefused(HotlineError):
    """The form did not come from our own page."""

    code = "csrf_refused"
    status = 403
    text = "页面已过期或请求来源不明，内容没有提交，请刷新页面后重新提交。"


class TokenInvalid(HotlineError):
    """The bearer token or channel key is unknown or revoked."""

    code = "token_invalid"
    status = 401
    text = "接口密钥无效或已停用，请向管理员申请新的密钥。"


class TokenMissing(LoginRequired):
    """A program asked without a bearer token or channel key."""

    text = "请在请求头 Authorization 里给出接口密钥或令牌（Bearer），由系统管理员发放。"


class BodyTooLarge(HotlineError):
    """The body is longer than `limit_kb`; nothing of it was stored."""

    code = "too_large"
    status = 413
    text = "提交的内容太长（上限 {limit_kb} KB），没有保存，请缩短后再提交。"


class TooManyFiles(HotlineError):
    """More than `most` files in one form."""

    code = "too_many_files"
    status = 422
    text = "一次最多上传 {most} 个附件，请减少后再提交。"


class PageNotFound(HotlineError):
    """No such address."""

    code = "not_found"
    status = 404
    text = "没有找到这个页面，请核对地址。"


class MethodNotAllowed(HotlineError):
    """The address exists but not for this method."""

    code = "method_not_allowed"
    status = 405
    text = "此地址不支持这种操作。"


class BadRequest(HotlineError):
    """The request could not be read."""

    code = "bad_request"
    status = 400
    text = "请求内容无法识别，请检查后重试。"


class DatabaseAway(HotlineError):
    """The database cannot be reached at the moment."""

    code = "database_away"
    status = 503
    text = "数据库暂时无法访问，您的内容没有保存，请稍候再试。"


class RequestUnreadable(BadRequest):
    """The request line or its headers break the rules of HTTP."""

    text = "请求无法识别：地址里的汉字要按 UTF-8 做百分号编码，地址和请求头不能过长，请检查后重试。"
