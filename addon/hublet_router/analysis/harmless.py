"""What is known to be harmless, so that it may be shown: the project's one list of it.

Text is shown because it is on this list, not because it does not look like a secret. The list has
words of HTTP and of web APIs, as whole words or as the humps of `camelCase`; versions, years and
dates; and numbers of up to four digits. A table adds its own words.
"""

import re
from collections.abc import Container
from weakref import WeakKeyDictionary

from ..core.decision import Reason
from ..core.lookup import RuleIndex
from ..core.places import Host, Path
from ..core.table import Table

_FIELDS = """
    action after all archived associations before category charset count cursor default depth
    detail direction enabled error event fields format grant kind lang language level limit locale
    message method mode offset order page paging per properties property q range reason response
    scope size sort sorts start status subcategory title total type version
"""

_WORDS = """
    a about accept access accesslevel account accounts actions active add address addresses
    again age agent ago alg algorithm allow allowed also alt always amount an analytics and
    another answer any api app apple application apps apr archive archives are array as asc ask
    assertion assets associate associated association async at attempt attribute attributes
    audience audit aug auth authenticate authenticated authentication author authority
    authorization authorize authorized authorizing auto automation available avif bad basic
    batch be bearer begin behavior belongs blob blocked blog blogs body bool boolean boundary br
    brave browser build bulk bundle business but by bytes cache call callback calls campaign
    campaigns can cannot carries cart center certificate change changed changes channel channels
    char characters check checkout chrome chromium client clients close closed cms code codes
    collection column columns com comment comments commerce companies company compatible
    compress compression config configuration connect connected connection connections contact
    contacts content contents control conversation conversations cookie cookies copy core
    correct correlation cors country create created credential credentialless credentials crm
    cross csp csrf css csv currency current custom customer customers dashboard data database
    date day days de deal deals debug dec decide deflate delete deleted demo denied desc
    description dest destination details developer device did differ different differently
    digest disabled disposition dnt do document documents does domain domains done double down
    download duplicate duration edge email emails embed embedder empty en encoded encoding end
    endpoint engagement engagements entity entries entry env errors es etag events exact example
    exists expect expected expired expires export exports expose extension external failed
    failure false favicon feature features feb fetch field file files filter filters fin find
    finds firefox first flag flags float folder folders font footer for forbidden form forms
    forwarded found fr frame fri from full gb gecko general get git given global gmt go graphql
    group groups guess gzip h has hash have head header headers health hello here hidden history
    holds home host hosts hour hours hsts htm html http https hub hubapi hublet hublets hubspot
    ico icon id idempotency identifier identity ids if iframe image images import imports in
    include includes incoming index info information inline input insecure insert install
    integer integration integrations internal intl introspect invalid invoice invoices ios ip is
    iso issued issuer it item items its ja jan java javascript jpeg jpg js json jul jun jwt keep
    key keys khtml kib kit label labels languages large last later latest launch layer lead
    leads length less lib like limits line lines link links linux list lists live loaded local
    localhost location locked log login logout logs lookup mac mail main manifest mar mark
    marketing match max maximum may me media meetings member members memory merge messages meta
    metadata methods metrics middle min minimum minute misdirected missing mobile model modified
    mon month more move moved mozilla multi multipart must my name named names native navigate
    navigation negotiate nel network never new next nl no node nodejs nonce none nosniff not
    note notes nothing notification notifications nov nowhere null number numbers oauth object
    objects oct octet of off offline ok old on one only opaque open openid operation operator
    option optional options or orders org origin original os other out owner owners ownership
    package pages param parameter parameters parent part partial parts password patch path
    pattern payload payment payments pdf pending percent performance permission permissions
    phone php pin ping pipeline pipelines place plain platform plugin png policies policy pool
    portal post pragma pre prefer preference preferences preflight preload preview previous
    price primary priority private problem process product products profile profiles project
    protected protocol provider proxy pt public publish purchase put python quality query queue
    quote quotes r random rate raw read readonly ready realm receive received record records
    redirect ref referer referrer refresh refused region regions registered reject rel related
    relation release remaining remote remove removed render reply report reporting reports
    request requested requests require required reset resource resources rest result results
    retry return revalidate revoke right role roles root route router rss ruby rule rules run s
    safari same samesite sat save saved schema schemas scheme scopes script scripts search sec
    second seconds secret section secure security see segment segments select self send sender
    sent sep sequence sequences served server servers serves service services session sessions
    set setting settings share shared show side sig sign signature signed site sites skip so
    social some source space spec sse stale standard state static statistics stop store stored
    strategy stream strict string structure style styles subject submission submissions submit
    subscription subscriptions success summary sun support sv sync system table tables tag tags
    target task tasks team teams template templates term test text that the them theme then
    there thing this thu ticket tickets time timed timeline timeout timestamp timezone timing to
    token tokens too tools top trace traceparent track tracking trailer trailers transfer
    transport true try tue two txt typ types ua ubuntu unauthorized unavailable undefined under
    unexpected unit unknown unless unsafe unsupported until up update updated updates upgrade
    upload upsert uri uris url urlencoded urls us usage use used user users utc utf v valid
    validate validation value values variant vary vendor verify versions via video view viewport
    views visible visitor wait warning was wav way ways web webhook webhooks webkit webp website
    websocket wed week were when where which while why widget width will win window windows with
    without wms word words worker workflow workflows written www x xhtml xml xss yaml year yes
    you your z zip zone zstd
"""

FIELDS = frozenset(_FIELDS.split())
"""Words of the names of parameters whose values may be shown, if those are harmless, too."""

_KNOWN = FIELDS | frozenset(_WORDS.split())
_DATED = re.compile(
    r"(?<![0-9.])(?:(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])(?:-[0-3][0-9])?"
    r"|[0-9]{1,4}(?:\.[0-9]{1,4}){1,2})(?![0-9.])"
)
_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+|[^\x00-\x7f]")
_LETTERS = re.compile(r"[a-z]{2,}")
_seen: set[str] = set()  # harmless by the list alone: no secret is kept here
MAX_SEEN, MAX_SEEN_TEXT = 1024, 64
"""Texts that are remembered as harmless, and how many characters they may have."""
_by_index: WeakKeyDictionary[RuleIndex, frozenset[str]] = WeakKeyDictionary()  # one of each table
MAX_DIGITS = 4
"""Digits of a text that are harmless, beside those of versions and dates."""


def shows_value(name: str) -> bool:
    """Return whether the harmless value of a parameter with that name may be shown."""
    pieces = _PIECE.findall(name)
    return pieces != [] and all(piece.lower() in FIELDS for piece in pieces)


def is_harmless(text: str, known: Container[str] = ()) -> bool:
    """Return whether a text has only harmless words and numbers; `known` are more of its words.

    Punctuation never counts: a text without letters and digits is harmless.
    """
    lower = text.lower()
    if lower in _KNOWN or lower in known or text in _seen:
        return True
    digits, by_list = 0, True
    plain = _DATED.sub("", text) if "-" in text or "." in text else text
    for piece in _PIECE.findall(plain):
        if piece.isdecimal() and piece.isascii():
            digits += len(piece)
        elif (word := piece.lower()) not in _KNOWN:
            if word not in known:
                return False
            by_list = False
    if digits > MAX_DIGITS:
        return False
    if by_list and len(_seen) < MAX_SEEN and len(text) <= MAX_SEEN_TEXT:
        _seen.add(text)
    return True


def known_words(table: Table) -> frozenset[str]:
    """Return the words of a table, in lower case: of its names, its hosts and its patterns."""
    words = _by_index.get(table.index)
    if words is None:
        words = _by_index[table.index] = _words_of(table)
    return words


def _words_of(table: Table) -> frozenset[str]:
    answer = table.misdirected
    texts = [*table.hublets, *table.aliases, *table.domains, *Reason]
    texts += [answer.header or "", answer.json or ""]
    texts += [rule.paths.pattern for rule in table.rules if rule.paths]
    for place in table.places:
        pattern = place.pattern.pattern if isinstance(place, Path | Host) else ""
        names = (getattr(place, name, None) or "" for name in ("name", "path", "scheme"))
        texts += [pattern, *names]
    lower = [text.lower() for text in texts]
    return frozenset([*lower, *(word for text in lower for word in _LETTERS.findall(text))])
