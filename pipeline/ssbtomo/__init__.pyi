from ssbtomo import errors as errors
from ssbtomo import events as events
from ssbtomo import io as io
from ssbtomo import measure as measure
from ssbtomo import reconstruct as reconstruct
from ssbtomo import segment as segment
from ssbtomo import testing as testing
from ssbtomo import units as units
from ssbtomo.errors import SsbtomoError as SsbtomoError
from ssbtomo.io import open_volume as open
from ssbtomo.results import Results as Results
from ssbtomo.results import load as load
from ssbtomo.runner import run as run
from ssbtomo.volume import Volume as Volume

__version__: str
