"""Forms with files (附件上传): the route's `body_kb` bounds the whole, this module each file and their number."""

from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.web_request import FileField

from core.web.errors import BodyTooLarge, TooManyFiles


@dataclass(frozen=True)
class Upload:
    """One file as it was sent; `name` is the sender's and proves nothing."""

    name: str
    data: bytes = field(repr=False)


@dataclass
class Form:
    """The texts by name, the last of each; the files, empty ones left out."""

    texts: dict[str, str] = field(default_factory=dict)
    files: list[Upload] = field(default_factory=list)

    def text(self, name: str) -> str:
        return self.texts.get(name, "")


async def read_form(request: web.Request, *, file_kb: int, most_files: int) -> Form:
    """A form, sent with or without files; raises BodyTooLarge for a file over `file_kb`, TooManyFiles."""
    form = Form()
    for name, value in (await request.post()).items():
        if isinstance(value, str):
            form.texts[name] = value
        elif isinstance(value, FileField):
            with value.file as file:
                data = file.read(file_kb * 1024 + 1)
            if len(data) > file_kb * 1024:
                raise BodyTooLarge(limit_kb=file_kb)
            if data:
                form.files.append(Upload(value.filename, data))
    if len(form.files) > most_files:
        raise TooManyFiles(most=most_files)
    return form
