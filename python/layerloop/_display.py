"""How estimators and runs show themselves."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Lines:
    """A line for each epoch, as scikit-learn prints them."""

    def __init__(self, score: bool) -> None:
        self.score, self.epochs = score, 0

    def __call__(self, values: dict[str, Any]) -> bool:
        self.epochs += 1
        print(f"Iteration {self.epochs}, loss = {values['loss']:.8f}")
        if self.score:
            print(f"Validation score: {values['score']:f}")
        return False


class Bar:
    """A progress bar: a line that is written again, or a bar in a notebook's cell; without an end where that is not known."""

    def __init__(self, epochs: int | None) -> None:
        self.epochs, self.done, self.started, self.shown = epochs, 0, time.monotonic(), 0.0
        self.handle = self._notebook()

    @staticmethod
    def _notebook() -> Any:
        shell = sys.modules.get("IPython")
        active = shell.get_ipython() if shell is not None else None
        if active is None or not active.has_trait("kernel"):
            return None
        from IPython.display import HTML, display

        return display(HTML(""), display_id=True)

    def __call__(self, values: dict[str, Any]) -> bool:
        self.done += 1
        now = time.monotonic()
        if now - self.shown >= 0.1 or self.done == self.epochs:
            self.shown = now
            self._show(values["loss"], now - self.started)
        return False

    def _show(self, loss: float, seconds: float) -> None:
        end = "" if self.epochs is None else f"/{self.epochs}"
        text = f"epoch {self.done}{end}, loss {loss:.4f}, {seconds:.1f} s"
        if self.handle is not None:
            from IPython.display import HTML

            place = "" if self.epochs is None else f' value="{self.done}" max="{self.epochs}"'
            self.handle.update(HTML(f"<progress{place}></progress> {text}"))
            return
        full = 0 if self.epochs is None else 30 * self.done // self.epochs
        bar = "" if self.epochs is None else f"[{'#' * full}{'.' * (30 - full)}] "
        sys.stderr.write(f"\r{bar}{text}")
        sys.stderr.flush()

    def close(self) -> None:
        """End the line."""
        if self.handle is None and self.done:
            sys.stderr.write("\n")


@contextmanager
def shown(verbose: Any, epochs: int | None, score: bool) -> Iterator[Any]:
    """Give what is called after each epoch: nothing, a line for each, or a bar."""
    if verbose != "bar":
        yield Lines(score) if verbose else None
        return
    bar = Bar(epochs)
    try:
        yield bar
    finally:
        bar.close()


def plot_history(history: dict[str, list[float]]) -> Any:
    """Draw the curves of a training; needs matplotlib."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("plot_history needs matplotlib: pip install matplotlib") from error
    names = [name for name in history if name not in ("epoch", "steps", "seconds", "learning_rate")]
    losses = [name for name in names if name.endswith("loss")]
    others = [name for name in names if name not in losses]
    figure, axes = plt.subplots(1, 2 if others else 1, figsize=(10 if others else 5, 3.5), squeeze=False)
    for axis, some in zip(axes[0], [losses, others], strict=False):
        for name in some:
            axis.plot(range(1, len(history[name]) + 1), history[name], label=name.replace("_", " "))
        axis.set_xlabel("epoch")
        axis.legend()
    figure.tight_layout()
    return figure


def diagram(text: str) -> str:
    """Give the layers of a network as boxes, in SVG."""
    layers = [part.strip() for part in text.split("->")]
    boxes, x = [], 4
    for i, layer in enumerate(layers):
        label = layer if len(layer) <= 28 else layer[:27] + "\u2026"
        width = 16 + 7 * len(label)
        boxes.append(
            f'<rect x="{x}" y="8" width="{width}" height="28" rx="5" fill="none" stroke="currentColor"/>'
            f'<text x="{x + width / 2}" y="27" text-anchor="middle" font-size="12" fill="currentColor">'
            f"{html.escape(label)}</text>"
        )
        x += width
        if i + 1 < len(layers):
            boxes.append(f'<path d="M{x} 22h18m-5 -4l5 4l-5 4" fill="none" stroke="currentColor"/>')
            x += 20
    return f'<svg width="{x + 4}" height="44" role="img" aria-label="{html.escape(text)}">{"".join(boxes)}</svg>'


def estimator_html(estimator: Any) -> str:
    """Give an estimator as HTML: its parameters, and its network if it is fitted."""
    network = estimator.__dict__.get("_network")
    picture = diagram(network.spec) if network is not None else "<p>not fitted</p>"
    changed = estimator._changed()
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(repr(value))}</td></tr>" for name, value in changed.items()
    )
    table = f"<details><summary>parameters</summary><table>{rows}</table></details>" if rows else ""
    name = html.escape(type(estimator).__name__)
    size = f"<p>{network.parameters:,} parameters</p>" if network is not None else ""
    return f"<div><strong>{name}</strong>{picture}{size}{table}</div>"
