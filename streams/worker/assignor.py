"""Assignor: Faust's, for static members.

The group gives a static member that comes back what it gave its predecessor, with the address
that the predecessor had told. Faust takes another address than its own for a mistake, and its
coordinator ends without a word. A worker may well come back elsewhere.
"""

from typing import Any

from faust.assignor import PartitionAssignor
from faust.assignor.client_assignment import ClientMetadata


class Assignor(PartitionAssignor):
    """Faust's assignor, whatever address an assignment was made for."""

    _told: Any = None

    @property
    def _url(self) -> Any:
        return self._told if self._told is not None else super()._url

    def on_assignment(self, assignment: Any) -> None:
        """Take over an assignment."""
        self._told = ClientMetadata.loads(self._decompress(assignment.user_data)).url
        try:
            super().on_assignment(assignment)
        finally:
            self._told = None
