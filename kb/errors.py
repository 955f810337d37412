"""What the knowledge base refuses, each with the sentence that says what to do."""

from core.errors import Conflict, HotlineError, NotAllowed


class NotYourUnit(NotAllowed):
    """Another unit's entry: everybody may use it, only its own unit may change it (M-67)."""

    code = "kb_not_your_unit"
    text = "这条信息由“{unit}”维护，您可以引用，不能修改；发现有误请联系该单位的联络员。"


class ReadOnlyEntry(NotAllowed):
    """Base information is changed where it comes from (M-64)."""

    code = "kb_read_only"
    text = "这条信息来自“{source}”，只能在原系统修改后重新导入。"


class EntryIncomplete(HotlineError):
    """Fields are missing without which the entry cannot be published (M-69)."""

    code = "kb_entry_incomplete"
    status = 422
    text = "还不能发布，请补全：{missing}。没有收费的请填写“不收费”。"


class WrongState(Conflict):
    """The entry is not in a state from which this can be done."""

    code = "kb_wrong_state"
    text = "这条信息目前是“{state}”，不能{action}；请刷新后再看。"


class KbReasonMissing(HotlineError):
    """Refusing and withdrawing are explained."""

    code = "kb_step_reason_missing"
    status = 422
    text = "请填写理由，让经办人知道要改什么。"


class OwnText(NotAllowed):
    """Who wrote a text does not check or publish it."""

    code = "kb_own_text"
    text = "不能审核自己起草或修改的信息，请由另一位有权审核的人员办理。"


class OwnCheck(NotAllowed):
    """Who checked for the unit does not publish."""

    code = "kb_own_check"
    text = "单位审核和保密审查须由不同的人员完成，请由另一位保密审查人员办理。"


class Outdated(HotlineError):
    """The last day is over already."""

    code = "kb_outdated"
    status = 422
    text = "截止日期已过，请先修改有效期再发布。"


class PersonalData(HotlineError):
    """Suspected personal data (§5.10); `findings` says what and where."""

    code = "kb_personal_data"
    status = 422
    text = "发现{findings}。请删去，或确认可以公开后勾选“已核对”；身份证号码一律不能发布。"


class NotProposable(HotlineError):
    """An answer goes into the knowledge base when it is of general use and may be public (M-66)."""

    code = "kb_not_proposable"
    status = 422
    text = "只有“带普遍性”且“可以公开”的答复才能加入信息库，请核对后勾选两项。"


class AlreadyProposed(Conflict):
    """One ticket's answer gives one entry."""

    code = "kb_already_proposed"
    text = "这件工单的答复已加入信息库（{title}），请在信息维护中修改。"


class NotYourTodo(NotAllowed):
    """The line is another unit's, or a unit of another level was asked."""

    code = "kb_not_your_todo"
    text = "只能处理本单位的待办；分派由政府办在本级单位内进行。"


class TodoSettled(Conflict):
    """Somebody has done it already."""

    code = "kb_todo_settled"
    text = "这条待办已经办结，请刷新后再看。"


class FileRefused(HotlineError):
    """An attachment of a kind or size that is not taken."""

    code = "kb_file_refused"
    status = 422
    text = "附件“{name}”没有保存：{reason}"


class ReasonMissing(HotlineError):
    """Publicity is the rule: an internal entry names its reason (M-70)."""

    code = "kb_reason_missing"
    status = 422
    text = "公开是原则：选择“不公开”时，请选择不公开的理由类别。"


class FileUnreadable(HotlineError):
    """An import file that is not what its name says."""

    code = "kb_file_unreadable"
    status = 422
    text = "无法读取“{name}”：{reason}"


class RebuildRunning(HotlineError):
    """The index is being made anew already, here or by another process."""

    code = "kb_rebuild_running"
    status = 409
    text = "检索索引正在重建，请等它完成后再试。"
