"""Whether a sentence may be said by the hotline (提示音文字检查, §5.9): its length, its characters, what it must tell, its keys.

Pure. Every fault is a Chinese sentence that names what to change.
"""

import re

from core.errors import InvalidInput
from ivr.menus.menu import Menus
from ivr.menus.menu_check import announced_keys
from ivr.speech.prompt_catalogue import LINE_NUMBER, Catalogue, Edit

LONGEST = 300
_SPOKEN = re.compile(r"[一-鿿㐀-䶿A-Za-z0-9 ，。、：；！？（）《》“”‘’·—…,.:;!?()%％/\-]")
_SLOT = re.compile(r"\{[^{}]*\}")
_NOTICE = "录音"
_TELLS_OF_RECORDING = "将被录音"


def checked(text: str, prompt: str, line: str, catalogue: Catalogue, menus: Menus) -> str:
    """The sentence on one line of text; raises InvalidInput for one that callers could not make use of."""
    text = " ".join(text.split())
    found = [*_shape(text), *_keys(Edit(prompt, line, text), catalogue, menus)]
    if _TELLS_OF_RECORDING in catalogue.prompts[prompt].text and _NOTICE not in text:
        found.append("这条提示音须告知来电人通话将被录音")
    if found:
        raise InvalidInput(field="文字", reason="；".join(found) + "。")
    return text


def _shape(text: str) -> list[str]:
    if not text:
        return ["请填写要播报的文字，上传录音时也要填写录音的原话"]
    found = []
    if len(text) > LONGEST:
        found.append(f"有 {len(text)} 个字，最多 {LONGEST} 个，请缩短")
    if unknown := [slot for slot in dict.fromkeys(_SLOT.findall(text)) if slot != LINE_NUMBER]:
        found.append(f"不认识 {'、'.join(unknown)}，花括号里只能写 {LINE_NUMBER}，播报时换成专线号码")
    rest = _SLOT.sub("", text)
    if strange := [one for one in dict.fromkeys(rest) if not _SPOKEN.fullmatch(one)]:
        found.append(f"“{''.join(strange)}”不能播报，请改用汉字、数字和常用标点")
    if not re.search(r"[^\W_]", text):
        found.append("没有可以播报的字")
    return found


def _keys(edit: Edit, catalogue: Catalogue, menus: Menus) -> list[str]:
    """The keys that it tells of must be those of every menu that plays it."""
    own = catalogue.with_edit(edit)
    tried = Catalogue({**catalogue.prompts, edit.prompt: own}, catalogue.readings, catalogue.line_number)
    return [fault for node in menus if edit.prompt in node.play for fault in announced_keys(node, tried)]
