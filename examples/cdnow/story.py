"""How the demo talks: numbered chapters, plain sentences, progress bars, and a clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table


class Story:
    """Prints as it goes, and remembers how many seconds each chapter took."""

    def __init__(self) -> None:
        self._console = Console()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        self._console.print(f"\n[bold]{len(self._seconds) + 1}. {title}[/bold]")
        begin = perf_counter()
        yield
        self._seconds[title] = perf_counter() - begin

    def say(self, sentence: str) -> None:
        self._console.print(f"   {sentence}", soft_wrap=True)

    def show(self, table: Table) -> None:
        self._console.print(Padding(table, (0, 0, 0, 3), expand=False))

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator["Bar"]:
        columns = (
            TextColumn("   {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console) as progress:
            yield Bar(progress, progress.add_task(what, total=total))

    def show_seconds(self) -> None:
        self._console.print("\n[bold]Where the time went[/bold]")
        table = Table("chapter", "seconds")
        table.columns[1].justify = "right"
        for title, seconds in self._seconds.items():
            table.add_row(title, f"{seconds:.1f}")
        table.add_row("all chapters", f"{sum(self._seconds.values()):.1f}", style="bold")
        self.show(table)


class Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, steps: int) -> None:
        self._progress.advance(self._task, steps)
