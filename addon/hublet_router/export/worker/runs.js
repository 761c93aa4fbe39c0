// Each stretch of a text that may be a credential, in each spelling: hublet_router/core/runs.py.
import { decodeLeniently, partition, strip, stripEnd, unescapeText, unquoteBytes, unquotePairs } from "./formats.js";

export const MIN_RUN = 16, MAX_DECODED = 3;
const URL_HOST = /:\/\/(?:[0-9A-Za-z_-]+\.)+[A-Za-z]{2,}(?=[ \t-\r:/?#]|$)/g;
const LONG = /[A-Za-z0-9_+/.~:@!$*-]{16,}/g;
const WORD = /[A-Za-z0-9_+/.~:@!$*%\\\0-]{17,}[^ \t-\r?#]?/g; // with what ends it, but for a blank: that ends a host

// The runs of a text in both cases, and what they decode to; then those behind each layer of escapes.
export function runsOf(text, judged = []) {
  const seen = new Set(judged.map((it) => stripEnd(it, /=/).replace(/[^\0-\xff]/gu, "?"))), found = [];
  for (let data = text, i = 0; i <= MAX_DECODED && data; i++) {
    const [runs, coded] = parted(data, seen);
    for (const run of runs) seen.add(run);
    const plains = coded.map((run) => [run, decodeLeniently(run)]);
    if (runs.length > 0) found.push([[...new Set([...runs, ...runs.map((run) => run.toLowerCase())])], plains]);
    const words = /[%\\]/.test(data) ? (data.match(WORD) ?? []).filter((it) => /[%\\]/.test(it)) : [];
    const escaped = words.join(" ").replace(/[\x01\x02]/g, "\x03");
    const layers = escaped ? unescape(escaped).filter((it) => it !== escaped) : [];
    data = [...plains.map(([, it]) => it), ...layers].join(" ");
  }
  return found;
}

// A text as the one run that it is, and what it is parted at however short.
export function runAlone(text) {
  const parts = [/[A-Za-z0-9_+/.~:@!$*-]+/g, /[A-Za-z0-9_-]+/g].flatMap((it) => text.match(it) ?? []);
  const texts = [...new Set([text, ...parts])];
  return [[...texts, ...texts.map((it) => it.toLowerCase())], texts.map((it) => [it, decodeLeniently(it)])];
}

function parted(data, known) {
  const long = (text) => (text.match(LONG) ?? []).filter((it) => !known.has(it));
  const split = (words, marks) => long(words.join(" ").replace(marks, " "));
  const blanked = data.replace(URL_HOST, "://").replaceAll("\0", "");
  const words = [...new Set([...long(blanked), ...long(long(blanked).join(" ").replaceAll("eyJ", " eyJ"))])];
  const text = words.join(" "), whole = [...words];
  if (!/[/+:@!$*.~]/.test(text)) return [words, words];
  if (text.includes("/")) whole.push(...long(words.map((it) => strip(it, /\//)).join(" ")), ...split(words, /\//g));
  if (text.includes("+")) whole.push(...split(whole, /\+/g));
  if (text.includes(":")) whole.push(...long(whole.map((it) => partition(it, ":")[1]).join(" ")));
  const tokens = split(whole, /[:@!$*]/g), coded = [...new Set(split(tokens, /[.~]/g))];
  return [[...new Set([...whole, ...tokens, ...coded])], coded];
}

// The text behind one layer of escapes; what parts it as it stands does not part what is escaped.
export function unescape(data) {
  const single = data.replace(/\\+/g, "\\"), ways = [];
  if (single.includes("\\")) ways.push(unquotePairs(single).replace(/[\x01\x02]/g, "\x03"));
  const plain = unescapeText(single);
  if (!/%[0-9A-Fa-f]{2}/.test(plain)) return [...ways, plain];
  const isParted = plain.includes("%2");
  const held = isParted ? plain.replaceAll("/", "\x01").replaceAll("+", "\x02") : plain;
  const behind = unquoteBytes(held);
  const given = (slash, plus) => behind.replaceAll("\x01", slash).replaceAll("\x02", plus);
  ways.push(given("/", "+"));
  return isParted ? [...ways, given(" ", "+"), given(" ", " ")] : ways;
}
