"""The face that our state shows to Faust: a table store that Faust can list, and that nothing
writes through Faust.

Rows change in chunks and reach the changelog in the store's transaction, so Faust's own paths into
a table have nothing to do. Reading works: `table[key]` gives the counts that this worker holds, for
Faust's shell and table views.
"""

from collections.abc import Iterator
from typing import Any

from faust.stores.base import Store
from faust.types import TP

from streams.contract.count_rows import CountRow
from streams.counting.partition import CountKey


class TableStore(Store):
    """A read-only mapping from (segment, item_id) to counts over the partitions that this worker
    owns, as far as they are in memory.
    """

    def persisted_offset(self, tp: TP) -> int | None:
        """No offset of Faust's: the recovery is ours."""
        return None

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Nothing to keep."""

    async def need_active_standby_for(self, tp: TP) -> bool:
        """No standbys: the changelog restores in bulk."""
        return False

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        """Never called: Faust's recovery gets no partitions."""
        msg = "Faust's recovery must not run on a slatestream table"
        raise RuntimeError(msg)

    def reset_state(self) -> None:
        """Nothing here to reset."""

    async def backup_partition(self, *args: Any, **kwargs: Any) -> None:
        """The changelog is the backup."""

    def restore_backup(self, *args: Any, **kwargs: Any) -> None:
        """The changelog is the backup."""

    def _rows(self) -> dict[CountKey, CountRow]:
        rows: dict[CountKey, CountRow] = {}
        for partition in self.app.engine.store.partitions.values():
            partition.add_shown()
            rows |= partition.counts
        return rows

    def __getitem__(self, key: Any) -> Any:
        return self._rows()[key].totals()

    def __setitem__(self, key: Any, value: Any) -> None:
        msg = "slatestream tables change by events only: produce to the source topics"
        raise TypeError(msg)

    def __delitem__(self, key: Any) -> None:
        self[key] = None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows())

    def __len__(self) -> int:
        return len(self._rows())

    def __bool__(self) -> bool:
        return True  # subtle: an empty store is a store all the same

    def __contains__(self, key: Any) -> bool:
        return key in self._rows()

    def clear(self) -> None:
        """Refused, like every write."""
        self[None] = None
