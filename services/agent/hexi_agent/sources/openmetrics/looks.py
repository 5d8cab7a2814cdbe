"""Reads the pages of one target, look after look: whole now and then, the wanted lines always."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import NamedTuple
from weakref import WeakValueDictionary

from hexi_agent.sources.openmetrics.layout import (
    Floats,
    Layout,
    Places,
    WantedLine,
    openmetrics_lines,
    text_lines,
)
from hexi_agent.sources.openmetrics.page import (
    SERIES_MAX,
    PageReader,
    PageSample,
    is_openmetrics,
)
from hexi_agent.sources.shape import RawSeries, Shape

# A page that broke where nobody looks is found out after as many looks.
PROVED_EVERY = 180
NOWHERE: Places = array("i")

Told = Callable[[str, tuple[tuple[str, str], ...]], RawSeries]


class Known(NamedTuple):
    """What a page of a known shape says."""

    shape: Shape
    values: Floats


class _Form:
    """A layout, and the shape of what it reads."""

    __slots__ = ("__weakref__", "layout", "shape")

    def __init__(self, layout: Layout, shape: Shape) -> None:
        self.layout, self.shape = layout, shape


class Forms:
    """One per source: what pages that are alike have in common is kept once."""

    def __init__(self, reader: PageReader, told: Told) -> None:
        """`told` says whose a series is, and what its labels are without that."""
        self.reader, self._told = reader, told
        self._series: dict[bytes, tuple[bytes, RawSeries]] = {}
        self._forms: WeakValueDictionary[Layout, _Form] = WeakValueDictionary()

    def of(self, page: bytes, content_type: str, samples: list[PageSample]) -> _Form | None:
        """Of a page that was read as `samples` just now, if it is plain."""
        is_strict = is_openmetrics(content_type)
        if is_strict:
            lines = openmetrics_lines(self.reader, page, samples)
        else:
            lines = text_lines(self.reader, page)
        if lines is None:
            return None
        if len(self._series) > SERIES_MAX:
            self._series = {}
        shared = [self._shared(one) for one in lines]
        places = zip((one.number for one in lines), (key for key, _ in shared), strict=True)
        layout = Layout(list(places), page.count(b"\n"), is_strict=is_strict)
        form = self._forms.get(layout)
        if form is None:
            form = self._forms[layout] = _Form(layout, Shape([series for _, series in shared]))
        return form

    def _shared(self, line: WantedLine) -> tuple[bytes, RawSeries]:
        found = self._series.get(line.key)
        if found is None:
            found = (b"\n" + line.key + b" ", self._told(line.name, line.labels))
            self._series[line.key] = found
        return found


class Looks:
    """One per target; `first` spreads the looks that prove a page over those of all targets."""

    def __init__(self, forms: Forms, first: int = 0) -> None:
        self._forms = forms
        self._number = first
        self._form: _Form | None = None
        self._places = NOWHERE
        self._content_type = ""

    def read(self, page: bytes, content_type: str) -> Known | list[PageSample]:
        """
        Raises:
            PageError: nothing of such a page is believed.
        """
        self._number += 1
        form = self._form if content_type == self._content_type else None
        values = form.layout.values(page, self._places) if form is not None else None
        if form is not None and values is not None and self._number % PROVED_EVERY:
            return Known(form.shape, values)
        self._form = None
        samples = self._forms.reader.read(page, content_type)
        self._content_type = content_type
        if form is not None and values is not None:
            # Proved again, and nothing new on it.
            self._form = form
            return Known(form.shape, values)
        form = self._form = self._forms.of(page, content_type, samples)
        self._places = NOWHERE if form is None else form.layout.places(page)
        return samples
