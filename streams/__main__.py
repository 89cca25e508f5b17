"""`python -m streams COMMAND`: the same as `slatestream COMMAND`."""

import sys

from streams.cli import main

sys.exit(main())
