"""The folders of releases on Kafka: written with a release, read where the folder is not at hand.

`encoder-files` (layout: `encoder.serving.release_files`) keeps the last `KEPT` releases. It needs
the room of their folders, and the vectors of the catalogue are most of one.
"""

from collections.abc import Iterator

from encoder.corpus.kafka_log import Record, read_topic
from encoder.release.shelf import Shelf, releases
from encoder.serving.artifact import Artifact
from encoder.serving.release_files import Receiving, part_of, parts
from encoder.serving.wire import Release

# The one in force, the one before for processes that still read it, and one to go back to.
KEPT = 3


def file_records(kept: Artifact, shelf: Shelf) -> Iterator[Record]:
    """The parts of a folder, then nothing in place of the parts of older releases.

    Parameters
    ----------
    kept
        The release that is published now.
    shelf
        Brokers and topics.

    Raises
    ------
    LogError
        The topic does not exist, or cannot be read.
    """
    earlier = [each.version for each in releases(shelf) if each.version != kept.version]
    stay = {kept.version, *earlier[len(earlier) - (KEPT - 1) :]}
    gone: dict[str, None] = {}
    for key, value in read_topic(shelf.client, shelf.topics.encoder_files):
        part = part_of(key)
        if part is not None and part.version not in stay:
            if value is None:
                gone.pop(part.key, None)
            else:
                gone[part.key] = None
    for part, content in parts(kept):
        yield Record(shelf.topics.encoder_files, part.key, content)
    for name in gone:
        yield Record(shelf.topics.encoder_files, name, None)


def fetch(release: Release, shelf: Shelf) -> Artifact:
    """Put the folder of a release under the releases, from Kafka.

    Raises
    ------
    ArtifactError
        The topic does not hold it, or not whole.
    LogError
        The topic cannot be read.
    """
    with Receiving(release, shelf.folder) as receiving:
        for key, value in read_topic(shelf.client, shelf.topics.encoder_files):
            receiving.add(key, value)
        return receiving.finish()
