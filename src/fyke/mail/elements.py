"""HTML elements, sorted by what matters for a reader."""


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


VOID = _set("area base basefont bgsound br col embed frame hr img input link meta param source track wbr")
"""have no end tag"""
FORMATTING = _set("a b big code em font i nobr s small strike strong tt u")
"""are opened anew by the parser in every block until they are closed"""
CLOSED_BY_NEXT = _set("body dd dt head html li option p tbody td tfoot th thead tr")
"""cannot hold one of their own kind, so that many of them do not make a deep tree"""
SILENT = _set("datalist head iframe noframes script style template title")
"""whose text no reader of mail sees; what stands in ``video``, ``object`` and the like is seen instead of them"""
BLOCKS = _set(
    "address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li listing main menu nav ol optgroup option p pre "
    "section summary table tbody tfoot thead tr ul xmp"
)
"""begin and end a line"""
BOXES = BLOCKS | _set(
    "audio button canvas col colgroup embed iframe img input marquee meter object progress rect select svg td textarea "
    "th video"
)
"""have a width and a height; other elements, such as ``span``, ignore them unless their style makes them a box"""
CELLS = _set("td th")
"""stand apart on one line"""
COLORED = _set("font basefont body table tbody td tfoot th thead tr")
"""that have attributes for colours"""
PREFORMATTED = _set("pre textarea listing xmp")
"""keep their line breaks"""
