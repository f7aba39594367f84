"""History of a venue, page by page into the store: resumable, compared at every page's edge."""

from tieout.history.downloading.download import Downloaded, download
from tieout.history.downloading.pages import KEY, Contradiction, Past, Rows, Wanted

__all__ = ["KEY", "Contradiction", "Downloaded", "Past", "Rows", "Wanted", "download"]
