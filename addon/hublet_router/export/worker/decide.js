// The core's decision, in JavaScript: a table and a request go in, a decision comes out. No I/O.
//
// It mirrors hublet_router/core part by part, in the same order and under the same names; why a
// thing is done stands there. tests/parity holds both to the same answers. Text of the wire is
// ISO 8859-1, one character a byte, and bytes are text of that kind.
import {
  decodeBase64, decodeLeniently, decodedStrictly, lenientStrings, parseJson, partition,
  protobufFields, stringsAt, strip, stripEnd, unquote,
} from "./formats.js";
import { Pattern } from "./regex.js";
import { MAX_DECODED, MIN_RUN, runAlone, runsOf } from "./runs.js";

export const MAX_BODY = 64 * 1024;
const MAX_CREDENTIAL = 16 * 1024, MAX_PATH = 20 * 1024, MAX_VALUES = 100;
const MAX_REMEMBERED = 1024; // texts that are remembered, and characters of each

// ---- request

export class Request {
  constructor({ hosts, target, headers = [], body = "" }) {
    [this.hosts, this.target, this.headers, this.body] = [hosts, target, headers, body];
    this._paths = this._query = this._form = this._json = this._tree = undefined; // until they are read
    this.head = [target, ...headers.map(([, value]) => value)].join(" ");
    const [name, ...names] = hosts.map(hostName);
    this.host = name !== undefined && names.every((it) => it === name) ? name : null;
  }

  get paths() {
    return (this._paths ??= paths(partition(this.target, "?")[0]));
  }

  get query() {
    return (this._query ??= pairs(partition(this.target, "?")[1]));
  }

  get form() {
    const isRead = () => this.#hasBodyOf(FORM_TYPE) && !/%(?![0-9A-Fa-f]{2})/.test(this.body);
    return (this._form ??= isRead() ? pairs(this.body) : null);
  }

  get json() {
    const isRead = () => this.body === "" || (this._tree ??= parseJson(this.body)) !== undefined;
    return (this._json ??= isRead() && this.#hasBodyOf(JSON_TYPE) ? this._tree ?? {} : null);
  }

  get isMistyped() { return this.json === null && typeof this._tree === "object" && this._tree !== null; }

  #hasBodyOf(type) {
    return !this.body || this.headers.every(([name, value]) => {
      if (name === "content-type") {
        const [essence, ...more] = value.toLowerCase().split(";").map((it) => strip(it));
        return type.test(essence) && more.every((it) => !it.includes("charset") || CHARSET.test(it));
      }
      return !/^(content|transfer)-encoding$/.test(name) ||
        value.split(",").every((it) => ["", "identity", "chunked"].includes(strip(it).toLowerCase()));
    });
  }
}

const FORM_TYPE = /^application\/x-www-form-urlencoded$/, JSON_TYPE = /^(?:application|text)\/json$|\+json$/;
const CHARSET = /^charset *= *"?(?:utf-?8|us-ascii|iso-8859-1)"?$/;

export function paths(raw) {
  if (raw === "*" || !/[^/A-Za-z0-9_-]|\/\/|.\/$/.test(raw)) return [raw];
  const path = partition(raw, "#")[0].replace(/[\x80-\xff]/g, (it) => `%${it.charCodeAt(0).toString(16)}`);
  const layers = new Set([decodedPath(path.replace(/;[^/]*/g, "")), path, raw]);
  for (let i = 0; i < MAX_DECODED; i++) for (const it of [...layers]) layers.add(decodedPath(it));
  const readings = new Set(layers), trimmed = [...layers].map((it) => it.replace(BLANKS, "/"));
  for (const it of [...layers, ...trimmed]) readings.add(it.replace(/[^/\p{L}\p{N}_.-][^/]*/gu, ""));
  for (const it of [...readings]) readings.add(withoutSuffix(it));
  return [...new Set([...[...readings].map(resolved), ...readings])];
}

const BLANKS = /\/[\s\0\x1c-\x1f\x85]+/g, UNICODE = /%u(?!d[89a-f])([0-9a-f]{4})/gi;
const OVERLONG = /%(?:c|(?:e0|f0%80)%8)([01])%([89ab][0-9a-f])/gi, charOf = String.fromCharCode;
const decodedPath = (path) => unquote(
  path.replace(UNICODE, (_, code) => charOf(`0x${code}`).replace("%", "%25"))
    .replace(OVERLONG, (_, high, low) => charOf((high << 6) | (`0x${low}` & 63))),
).replace(/[\uff01-\uff5e]/g, (it) => charOf(it.charCodeAt(0) - 0xfee0)).replaceAll("\\", "/");

function withoutSuffix(path) {
  const plain = stripEnd(path, /\//), at = plain.lastIndexOf("/") + 1;
  return plain.slice(0, at) + partition(plain.slice(at), ".")[0];
}

function resolved(path) {
  const plain = [], segments = path.split("/");
  for (const segment of segments) {
    if (segment === "..") plain.pop();
    else if (segment !== "" && segment !== ".") plain.push(segment);
  }
  if (["", ".", ".."].includes(segments.at(-1))) plain.push("");
  return `/${plain.join("/")}`;
}

export function hostName(host) {
  const found = /^(\[[0-9A-Fa-f:.]+\]|[^\t-\r\x1c-\x20\x85\xa0:@/[\]]+)(?::[0-9]*)?$/.exec(host);
  if (!found) return host;
  const url = `http://${found[1]}`;
  if (host[0] === "[" && URL.canParse(url)) return new URL(url).hostname; // one spelling
  return found[1].replace(/\.$/, "").toLowerCase();
}

export function foldName(name) {
  const plain = strip(partition(name, "\0")[0]).toLowerCase(), [head, rest] = partition(plain, "[");
  return (rest && !rest.includes("]") ? plain.replace("[", "_") : head).replace(/[-. ]/g, "_");
}

export function pairs(text) {
  const plain = (it) => unquote(it.replaceAll("+", " "));
  return text.split(/[&;]/).filter(Boolean).map((pair) => {
    const [name, value] = partition(pair, "=");
    return [foldName(plain(name)), strip(plain(value))];
  });
}

// ---- places: the credentials that stand at one, null where one cannot be read

const UNDIVIDED = /^[^\0-\x20"'(),;<=>\\\x7f-\xff]+=*$/;
const fields = ({ headers }, name) => headers.filter(([it]) => it === name).map(([, value]) => value);

function named(pairs, name) {
  const key = foldName(name);
  const values = pairs.flatMap(([folded, value]) => (folded === key && value ? [value] : []));
  return values.some((value) => /[%\ufffd]/.test(value)) ? null : values;
}

const begins = (path, prefix) => path.toLowerCase().startsWith(prefix) || /[^\0-\x7f]/.test(path);

const PLACES = {
  header({ name, scheme }, request) {
    const found = [];
    for (const value of fields(request, name).map((it) => strip(it)).filter(Boolean)) {
      if (scheme === null) {
        found.push(value);
      } else if (value.slice(0, scheme.length).toLowerCase() === scheme) {
        const rest = value.slice(scheme.length), credential = strip(rest);
        if (!credential) continue;
        if (!/^[ \t]/.test(rest) || !UNDIVIDED.test(credential)) return null;
        found.push(credential);
      }
    }
    return found;
  },
  query: ({ name }, request) => request.target.includes("?") ? named(request.query, name) : [],
  cookie({ name }, request) {
    const found = [], key = foldName(name);
    for (const pair of fields(request, "cookie").flatMap((it) => it.split(";"))) {
      const [other, value] = partition(pair, "="), plain = strip(value, /[ \t"]/);
      if (foldName(other) !== key || !plain) continue;
      if (/[%"\\]/.test(plain)) return null;
      found.push(plain);
    }
    return found;
  },
  form: ({ name }, request) => request.form === null ? null : named(request.form, name),
  json: ({ path }, request) => request.json === null ? null : stringsAt(request.json, path),
  path({ pattern, prefix }, request) {
    const found = new Set();
    for (const path of request.paths) {
      if (!begins(path, prefix)) continue;
      const text = strip(pattern.search(path) ?? "");
      if (text) found.add(text);
    }
    return [...found];
  },
  host: ({ pattern }, request) => regexNames(pattern, request.host ?? ""),
};

export const valuesAt = (place, request) => PLACES[place.kind](place, request);

// ---- readers: the names in a credential, the accounts, whether it is of the kind, and the names in
// a run, or in the data that it is where it is base64

const regexNames = (pattern, text) => {
  const group = pattern.search(text);
  return group ? [group] : [];
};

function protobufValues({ field, lenient }, data) {
  const fields = data === null ? null : protobufFields(data, lenient);
  if (!fields || !(lenient || fields.some(([number]) => number === 1))) return null;
  return fields.filter(([number]) => number === field);
}

function protobufNames(reader, data) {
  const values = protobufValues(reader, data);
  if (values === null) return [];
  const texts = values.filter(([, kind]) => kind === 2).map(([, , value]) => decodedStrictly(value));
  return texts.at(-1) ? texts.filter(Boolean) : [];
}

function protobufIds(reader, text) {
  const values = protobufValues(reader, decodeBase64(text)) ?? [];
  return values.filter(([, kind]) => kind !== 2).map(([, kind, value]) => {
    const width = kind === 0 ? 7n : 8n; // both with the lowest digit first
    let number = 0n;
    for (let i = value.length - 1; i >= 0; i--) {
      number = (number << width) | BigInt(value.charCodeAt(i) & (kind === 0 ? 0x7f : 0xff));
    }
    return String(number);
  });
}

const READERS = {
  regex: {
    names: ({ pattern }, text) => regexNames(pattern, text),
    recognises: ({ pattern }, text) => pattern.search(text) !== null,
    sighted: ({ pattern }, run, data) => data === null ? regexNames(pattern, run) : [],
  },
  protobuf: {
    names: (reader, text) => protobufNames(reader, decodeBase64(text)),
    ids: protobufIds,
    recognises: (reader, text) => protobufValues(reader, decodeBase64(text)) !== null,
    sighted: (reader, _, data) => protobufNames(reader, data),
  },
  jwt: {
    names({ claim }, text) {
      const parts = text.split("."), data = parts.length === 3 ? decodeBase64(parts[1]) : null;
      return data === null ? [] : stringsAt(parseJson(data), claim);
    },
    recognises: (_, text) => text.startsWith("eyJ") && text.split(".").length === 3,
    sighted({ claim }, run, data) {
      const first = data === null ? run.split(".").slice(1, 2) : [];
      const others = data === null ? run.matchAll(/\.eyJ[^.]*(?=\.([^.]{12,})\.)/g) : [];
      return [...first, ...[...others].map(([, it]) => it)]
        .flatMap((it) => lenientStrings(decodeLeniently(it), claim));
    },
  },
  base64: {
    names({ pattern, of }, text) {
      const parts = (of ? regexNames(of, text) : [text]).map(decodeBase64);
      return parts.includes(null) ? [] : regexNames(pattern, parts.join(""));
    },
    recognises: (reader, text) => READERS.base64.names(reader, text).length > 0,
    sighted(reader, run, data) {
      if (reader.of === null) return data === null ? [] : regexNames(reader.pattern, data);
      return data === null ? READERS.base64.names(reader, run) : [];
    },
  },
  account: { names: () => [], ids: (_, text) => [text], recognises: () => true },
};

export const namesIn = (reader, text) => READERS[reader.kind].names(reader, text);
export const idsIn = (reader, text) => (READERS[reader.kind].ids ?? namesIn)(reader, text);

// ---- table and lookup

export function load(program) {
  const pattern = (it) => it && new Pattern(it);
  const compiled = (it) => ({ ...it, pattern: pattern(it.pattern), of: pattern(it.of) });
  const readers = program.readers.map(compiled), places = program.places.map(compiled);
  for (const place of places) place.inBody = place.kind === "form" || place.kind === "json";
  const ruleOf = (it) => ({
    ...it, reader: readers[it.reader], places: it.places.map((at) => places[at]), paths: pattern(it.paths),
  });
  const own = program.rules.map(ruleOf), beside = program.beside.map(ruleOf);
  const table = {
    ...program,
    rules: own,
    domains: new Set(program.domains.map(hostName)),
    hublets: new Map(Object.entries(program.hublets)),
    aliases: new Map(Object.entries(program.aliases)),
    moved: new Map(Object.entries(program.moved)),
    strays: program.strays.map(([reader, rule]) => [readers[reader], own[rule]]),
    inside: program.inside.map((at) => readers[at]),
    limited: [...own, ...beside].filter((rule) => rule.paths),
    plans: new Map(),
    clean: new Map(),
  };
  table.byPlace = [own, beside].flatMap((some) =>
    [...new Set(some.flatMap((rule) => rule.places))].map((place) =>
      ({ place, rules: some.filter((rule) => rule.places.includes(place)), isBeside: some === beside })));
  const paths = table.byPlace.map(({ place }) => place).filter(({ kind }) => kind === "path");
  table.prefixes = [...new Set([...table.limited, ...paths].map(({ prefix }) => prefix))];
  table.usual = lookups(table, []).filter(({ place }) => place.kind !== "path");
  return table;
}

// Each place with the rules that read it where some of the limited ones apply.
const lookups = ({ byPlace }, applying) =>
  byPlace.map(({ rules, ...it }) =>
    ({ ...it, rules: rules.filter((rule) => !rule.paths || applying.includes(rule)) }))
    .filter((it) => it.rules.length > 0);

export function lookupsFor(table, { paths }) {
  if (!paths.some((path) => table.prefixes.some((prefix) => begins(path, prefix)))) return table.usual;
  const applying = table.limited.filter((it) => paths.some((path) => it.paths.search(path) !== null));
  const key = applying.map((rule) => table.limited.indexOf(rule)).join();
  if (table.plans.size > 64) table.plans.clear();
  if (!table.plans.has(key)) table.plans.set(key, lookups(table, applying));
  return table.plans.get(key);
}

const hubletNamed = ({ aliases, hublets }, name) => {
  const hublet = aliases.get(name) ?? name;
  return hublets.has(hublet) ? hublet : null;
};

// Whether a decision has to see the body of a request.
export const readsBody = (table, request) =>
  lookupsFor(table, request).some(({ place }) => place.inBody);

function read({ inside, aliases }, { rules, isBeside }, credential) {
  let rule, names = [];
  for (rule of rules) {
    names = namesIn(rule.reader, credential);
    if (names.length > 0) break;
  }
  if (names.length === 0) {
    const recognises = ({ reader }) => READERS[reader.kind].recognises(reader, credential);
    rule = rules.find(recognises) ?? rules[0];
  }
  const { kind } = rule.reader, reads = (it) => it.kind === kind || it.kind === "regex";
  const accounts = isBeside ? [credential] : [];
  if (!isBeside) for (const it of inside) if (reads(it)) accounts.push(...idsIn(it, credential));
  const hublets = names.map((name) => aliases.get(name) ?? name);
  return { rule, credential: isBeside ? null : credential, names: hublets, accounts };
}

function isOwned({ domains }, host) {
  const [label, parent] = partition(host, ".");
  if (domains.has(host)) return label !== "*";
  return domains.has(`*.${parent}`) && /^[A-Za-z0-9_-]{1,63}$/.test(label);
}

function accountId(text) {
  const digits = text.replace(/^\++/, "");
  if (!/^\p{Nd}+$/u.test(digits)) return text;
  return digits.replace(/[^0-9]/gu, (it) => decimal(it)).replace(/^0+(?=.)/, "");
}
const decimal = (digit, before = String.fromCodePoint(digit.codePointAt(0) - 1)) =>
  /\p{Nd}/u.test(before) ? (decimal(before) + 1) % 10 : 0; // each script has its ten in order

// ---- findings

function findings(table, request) {
  const found = [];
  let unread = null, isRead = request.body === "";
  const add = ({ rules, isBeside }, problem, it) => found.push(
    { rule: rules[0], credential: null, names: [], accounts: [], ...it, problem, isBeside });
  for (const lookup of lookupsFor(table, request)) {
    const { place } = lookup;
    if (place.inBody && request.body === null) {
      add(lookup, "too-large");
      continue;
    }
    const values = valuesAt(place, request);
    if (values === null && place.inBody && !(place.kind === "form" && request.form !== null)) {
      unread ??= lookup;
    } else if (values === null) {
      add(lookup, "unreadable");
    } else {
      isRead ||= place.inBody;
      if (values.length > MAX_VALUES) add(lookup, "too-large");
      else for (const text of values) {
        const isLong = text.length > MAX_CREDENTIAL && [...text].length > MAX_CREDENTIAL;
        if (isLong) add(lookup, "too-large");
        else add(lookup, null, read(table, lookup, text));
      }
    }
  }
  if (unread && (!isRead || request.isMistyped)) add(unread, "unreadable");
  return found;
}

// ---- judge

function decision(table, action, hublet, reason, rule) {
  const upstream = hublet === null ? null : table.hublets.get(hublet).upstream;
  return { action, hublet, upstream, reason, credential: rule?.name ?? null, table: table.version };
}
const route = (table, hublet, reason, rule) => decision(table, "route", hublet, reason, rule);
export const refuse = (table, reason, rule) => decision(table, "refuse", null, reason, rule);

export function decide(table, request) {
  const refused = checkRequest(table, request);
  if (refused) return refused;
  const found = findings(table, request), verdict = judge(table, found);
  if (verdict.hublet === null || table.policy.stray === "ignore") return verdict;
  const stray = findStray(table, request, verdict.hublet, found);
  return stray ? refuse(table, "stray", stray) : verdict;
}

function checkRequest(table, request) {
  if (partition(request.target, "?")[0].length > MAX_PATH) return refuse(table, "too-large");
  if (/[\0-\x08\n-\x1f\x7f]/.test(request.head)) return refuse(table, "unreadable");
  if (request.host !== null && isOwned(table, request.host)) return null;
  const isOurs = request.hosts.some((host) => isOwned(table, hostName(host)));
  if (table.policy.foreign === "pass" && !isOurs) return decision(table, "pass", null, "foreign-host");
  return refuse(table, "foreign-host");
}

function judge(table, found) {
  const { policy } = table, [it, ...others] = found; // one that names one Hublet needs no weighing
  const isOne = it && others.length === 0 && it.names.length === 1 && it.accounts.length === 0;
  if (isOne && table.hublets.has(it.names[0])) return route(table, it.names[0], "credential", it.rule);
  const counts = ({ problem }) => problem === "too-large" || policy.unreadable === "refuse";
  const unread = found.find((it) => it.problem && counts(it));
  if (unread) return refuse(table, unread.problem, unread.rule);
  const { claims, first } = claimsOf(table, found), moves = movesIn(table, found);
  const unlisted = claims.find(({ hublet }) => !table.hublets.has(hublet));
  if (unlisted && policy.unknown === "refuse") return refuse(table, "unknown-hublet", unlisted.it.rule);
  if (policy.conflict === "refuse" && isTorn(table, found, claims, moves)) {
    return refuse(table, "conflict", claims[0]?.it.rule);
  }
  const owned = claims.find(({ hasMoved }) => hasMoved);
  if (owned) return route(table, owned.hublet, "moved", owned.it.rule);
  if (moves[0]) return route(table, moves[0][0], "moved", (claims[0]?.it ?? first)?.rule);
  const byPolicy = (word, reason, rule) =>
    word === "default" && table.default !== null
      ? route(table, table.default, reason, rule)
      : refuse(table, reason, rule);
  if (claims.length > 0) {
    const { hublet, it } = claims[0];
    if (table.hublets.has(hublet)) return route(table, hublet, "credential", it.rule);
    return byPolicy(policy.unknown, "unknown-hublet", it.rule);
  }
  if (first) return byPolicy(policy.legacy, "legacy", first.rule);
  return byPolicy(policy.anonymous, "anonymous");
}

// A move is [where an account lives now, the Hublet that its old credentials name or null].
function movesIn({ moved }, found) {
  const ids = found.filter(({ isBeside }) => isBeside).flatMap(({ accounts }) => accounts);
  const moves = ids.map((text) => moved.get(accountId(text)) ?? null);
  return moves.some(Boolean) ? moves : [];
}

function isTorn(table, found, claims, moves) {
  if (new Set(claims.map(({ hublet }) => hublet)).size > 1) return true;
  if (moves.length === 0) return false;
  const owns = ({ accounts }) => accounts.length > 0;
  const own = claims.filter(({ it }) => owns(it)).map(({ hublet }) => hublet);
  if (found.some((it) => owns(it) && it.names.length === 0 && !it.isBeside)) own.push(table.default);
  const targets = new Set([...moves.map((move) => move && move[0]), ...own]);
  const speaksFor = (move) => claims.every(({ hublet }) => move.includes(hublet));
  return targets.size > 1 || moves.some((move) => move && !speaksFor(move));
}

function claimsOf({ moved }, found) {
  const claims = [];
  let first = null;
  for (const it of found.filter(({ isBeside }) => !isBeside)) {
    if (it.credential !== null) first ??= it;
    const owners = it.accounts.map((id) => moved.get(accountId(id)));
    for (const move of owners.length > 0 ? owners : [undefined]) {
      for (const hublet of move ? [move[0]] : it.names) {
        claims.push({ hublet, it, hasMoved: Boolean(move) });
      }
    }
  }
  return { claims, first };
}

// ---- stray: the rule that reads another Hublet's credential where no rule looks, or null

function findStray(table, request, hublet, found) {
  const of = found.filter((it) => it.credential);
  const isOther = (name) => name !== null && name !== hublet;
  const judged = of.filter((it) => it.names.some((name) => name !== hublet));
  for (const { credential, names, rule } of of) {
    if (names.length > 0 || rule.places.every(({ kind }) => kind === "host")) continue;
    const stray = strayIn(table, runAlone(credential), (_, name) => isOther(name));
    if (stray) return stray;
  }
  const texts = [request.target, ...request.headers.flat(), ...basic(request), ...cookies(request)];
  if (request.body && readsBody(table, request)) texts.push(request.body);
  const isOwn = (run) => of.some(({ names, credential }) => {
    const text = stripEnd(credential, /=/);
    return names.length > 0 && (run === text || run === text.toLowerCase());
  });
  let isClean = judged.length === 0; // beside a credential that was judged to lose, all is read
  const isStray = (run, name) => {
    if (!isOther(name)) return false;
    isClean = false;
    return !isOwn(run) && hostName(run) !== request.host;
  };
  const known = isClean ? table.clean.get(hublet) : undefined;
  const unread = texts.filter((it) => it.length >= MIN_RUN && !known?.has(it));
  if (unread.length === 0) return null;
  for (const runs of runsOf(unread.join(" "), judged.map(({ credential }) => credential))) {
    const stray = strayIn(table, runs, isStray);
    if (stray) return stray;
  }
  if (isClean) remember(table.clean, hublet, unread);
  return null;
}

// Texts that name no Hublet but this one need not be read again; too many, and all are forgotten.
function remember(clean, hublet, texts) {
  if ([...clean.values()].reduce((sum, { size }) => sum + size, 0) > MAX_REMEMBERED) clean.clear();
  if (!clean.has(hublet)) clean.set(hublet, new Set());
  for (const it of texts) if (it.length <= MAX_REMEMBERED) clean.get(hublet).add(it);
}

// What `Authorization: Basic` holds to PHP and Rack: they join fields, and skip what is no base64.
function basic(request) {
  const values = fields(request, "authorization").map((it) => strip(it));
  if (!values.some((it) => /^basic/i.test(it))) return [];
  return [...new Set([...values, values.join(", ")])]
    .flatMap((it) => it.slice(0, 5).toLowerCase() === "basic" ? [strip(it.slice(5))] : [])
    .filter((it) => !/^[0-9A-Za-z+/_-]*=*$/.test(it))
    .map((it) => decodeLeniently(it).replace(/[%\\]/g, " "));
}

// What was cut over several cookies, which many servers join by the number of each.
function cookies(request) {
  if (fields(request, "cookie").length === 0) return [];
  const cut = new Map();
  for (const pair of fields(request, "cookie").join(";").split(";")) {
    const [name, value] = partition(pair, "=").map((it) => strip(it, /[ \t"]/));
    const stem = stripEnd(name, /[0-9]/), number = name.slice(stem.length);
    if (!cut.has(stem)) cut.set(stem, []);
    if (number) cut.get(stem).push([number, value]);
  }
  const order = ([a], [b]) => a.length - b.length || Number(a > b) - Number(a < b);
  return [...cut.values()].map((parts) => parts.length > 1 ? parts.sort(order).map(([, it]) => it).join("") : "");
}

function strayIn(table, [texts, plains], isStray) {
  const sees = (reader, run, data) =>
    READERS[reader.kind].sighted(reader, run, data).some((name) => isStray(run, hubletNamed(table, name)));
  const found = table.strays.find(([reader]) =>
    texts.some((run) => sees(reader, run, null)) || plains.some(([run, data]) => sees(reader, run, data)));
  return found?.[1] ?? null;
}
