"""Program files: finding, reading, and saying what is wrong with one."""

from __future__ import annotations

import difflib
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from fiel.errors import ProgramError
from fiel.program.model import Program
from fiel.settings import Settings


def load_program(name: str, settings: Settings) -> Program:
    """The program called `name` from `settings.programs`; ProgramError names file, field and what to do."""
    path = settings.programs / f"{name}.yaml"
    if not path.is_file():
        known = program_names(settings)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        others = f"known are: {', '.join(known)}" if known else "there is no program file at all: check FIEL_PROGRAMS"
        raise ProgramError(f"there is no program {name!r} ({path} does not exist): {hint}{others}")
    return read_program(path)


def program_names(settings: Settings) -> list[str]:
    """Names of all program files, sorted."""
    return sorted(path.stem for path in settings.programs.glob("*.yaml"))


def read_program(path: Path) -> Program:
    """The program in the file `path`; ProgramError names the field that is wrong."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ProgramError(f"{path}: not valid YAML: {_yaml_place(error)}: mend the file") from error
    except UnicodeDecodeError as error:
        raise ProgramError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8") from error
    if not isinstance(content, dict):
        raise ProgramError(f"{path}: a program file is a mapping of fields, such as `name: {path.stem}`")
    try:
        program = Program.model_validate(content)
    except ValidationError as error:
        wrong = [_explain(item) for item in error.errors()]
        raise ProgramError(f"{path}: " + "; ".join(wrong)) from error
    if program.name != path.stem:
        raise ProgramError(
            f"{path}: field `name` is {program.name!r}, but the file is called {path.stem!r}: make them equal"
        )
    return program


def _yaml_place(error: yaml.YAMLError) -> str:
    """What is wrong and where: `expected ',' or ']' (line 3, column 7)`."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    return f"{getattr(error, 'problem', '')} (line {mark.line + 1}, column {mark.column + 1})"


def _explain(item: object) -> str:
    """One pydantic error as `field: what is wrong`, with the nearest known key for an unknown one."""
    assert isinstance(item, dict)
    place = ".".join(str(part) for part in item["loc"]) or "program"
    if item["type"] != "extra_forbidden":
        return f"field `{place}`: {item['msg']} (got {str(item.get('input'))[:80]!r})"
    model: type[BaseModel] | None = Program
    for part in item["loc"][:-1]:
        field = model.model_fields.get(str(part)) if model else None
        model = field.annotation if field and isinstance(field.annotation, type) else None
        model = model if model and issubclass(model, BaseModel) else None
    names = list(model.model_fields) if model else []
    near = difflib.get_close_matches(str(item["loc"][-1]), names, n=1)
    return f"field `{place}` is not known" + (f": did you mean `{near[0]}`?" if near else "")
