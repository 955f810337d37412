"""What is refused of a notice's way, each with a sentence that says what to do."""

from core.errors import Conflict, HotlineError


class WrongStage(Conflict):
    """The notice is not in the stage that this belongs to: forged, out of order, or somebody was quicker."""

    code = "finance_stage"
    text = "这件财务公开现处于“{now}”阶段，不能办理“{wanted}”的事项。五个流程须依次办理，请刷新页面后再试。"


class Unfinished(HotlineError):
    """The stage is not complete; `lacking` says what is missing."""

    code = "finance_unfinished"
    status = 422
    text = "“{stage}”还没有完成：{lacking}。"


class SignedAlready(Conflict):
    """The principal has signed this notice."""

    code = "finance_signed"
    text = "主要负责人已经审签，不需重复。"


class OwnDraft(Conflict):
    """Nobody signs off what they drafted."""

    code = "finance_own_draft"
    text = "起草人不能审签自己起草的财务公开，请由本单位其他负责人审签。"


class Recorded(Conflict):
    """The same thing was entered before."""

    code = "finance_recorded"
    text = "{what}已经登记过，不能重复登记。"
