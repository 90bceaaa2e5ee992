"""Variables of a shell: changed, and changed back, as lines that the shell runs.

What a variable held before is kept in TANDEM_SAVED_<NAME>, by the shell itself, so that no secret
is printed; TANDEM_ENV names the variables that were changed. So a change can be made again, for
another server, and be taken back.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

CHANGED = "TANDEM_ENV"
SAVED = "TANDEM_SAVED_"


@dataclass(frozen=True, slots=True)
class Shell:
    """How a shell writes it.

    set      gives a variable a text
    copy     gives a variable what another one holds
    unset    removes a variable
    failure  a command that fails
    """

    set: Callable[[str, str], str]
    copy: Callable[[str, str], str]
    unset: Callable[[str], str]
    failure: str


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _powershell_quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


SHELLS: Mapping[str, Shell] = {
    "sh": Shell(
        set=lambda name, text: f"export {name}={shlex.quote(text)}",
        copy=lambda name, source: f'export {name}="${{{source}-}}"',
        unset=lambda name: f"unset {name}",
        failure="false",
    ),
    "fish": Shell(
        set=lambda name, text: f"set -gx {name} {_fish_quoted(text)}",
        copy=lambda name, source: f'set -gx {name} "${source}"',
        unset=lambda name: f"set -e {name}",
        failure="false",
    ),
    "powershell": Shell(
        set=lambda name, text: f"$env:{name} = {_powershell_quoted(text)}",
        copy=lambda name, source: f"$env:{name} = $env:{source}",
        unset=lambda name: f"Remove-Item Env:{name} -ErrorAction SilentlyContinue",
        failure="throw 'tandem env failed'",
    ),
}


def unchanged(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment as it was before any change."""
    changed = _changed(environment)
    before = {
        name: value
        for name, value in environment.items()
        if name not in changed and name != CHANGED and not name.startswith(SAVED)
    }
    for name in changed:
        if SAVED + name in environment:
            before[name] = environment[SAVED + name]
    return before


def change_lines(
    shell: Shell, environment: Mapping[str, str], wanted: Mapping[str, str | None]
) -> str:
    """The lines that give variables these values, or none at all where a value is None."""
    changed = _changed(environment)
    lines: list[str] = []
    for name in changed:
        if name not in wanted:
            lines += _restoring(shell, environment, name)
    for name, value in wanted.items():
        if name in environment and name not in changed:
            lines.append(shell.copy(SAVED + name, name))
        lines.append(shell.unset(name) if value is None else shell.set(name, value))
    return "\n".join([*lines, shell.set(CHANGED, " ".join(wanted))])


def restore_lines(shell: Shell, environment: Mapping[str, str]) -> str:
    """The lines that take every change back; none where there was none."""
    if CHANGED not in environment:
        return ""
    lines: list[str] = []
    for name in _changed(environment):
        lines += _restoring(shell, environment, name)
    return "\n".join([*lines, shell.unset(CHANGED)])


def restored(environment: Mapping[str, str]) -> dict[str, str | None]:
    """What `restore_lines` brings about, as values; None for a variable that is removed."""
    before = unchanged(environment)
    return {name: before.get(name) for name in _changed(environment)}


def json_text(variables: Mapping[str, str | None]) -> str:
    """For programs: each variable's value, and null for one that must not be there."""
    return json.dumps(variables, indent=2)


def _changed(environment: Mapping[str, str]) -> list[str]:
    # Only names: the lines are run by a shell.
    return [name for name in environment.get(CHANGED, "").split() if name.isidentifier()]


def _restoring(shell: Shell, environment: Mapping[str, str], name: str) -> list[str]:
    if SAVED + name in environment:
        return [shell.copy(name, SAVED + name), shell.unset(SAVED + name)]
    return [shell.unset(name)]
