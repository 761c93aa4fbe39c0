// The edge: decides by program.json, and changes nothing of a request but where it connects to.
//
// What is decided is what goes on: the URL as this runtime reads it is the one that is sent. Where
// the runtime joined two fields, a request is routed only if every way to part them again holds the
// same credentials. What the runtime does not show is refused, and so is every failure.
import {
  decide, load, lookupsFor, MAX_BODY, readsBody, refuse, Request as Asked, valuesAt,
} from "./decide.js";
import program from "./program.json";

const table = load(program);
const { proxy, answers } = program;
const encoder = new TextEncoder();
const NEVER_CACHED = { "100-599": -1 }; // a cache knows the URL, and not the Hublet

export default {
  async fetch(request, env) {
    const started = Date.now();
    let asked = null, decision, response;
    try {
      const url = new URL(request.url);
      if (url.href !== request.url) request = new Request(url.href, request);
      asked = viewOf(request, url);
      if (readsBody(table, asked)) asked.body = await bodyOf(request);
      decision = isUnclear(asked) ? refuse(table, "unreadable") : decide(table, asked);
    } catch { // two Host fields, which the runtime joins, make no URL
      decision = refuse(table, URL.canParse(request.url) ? "internal-error" : "foreign-host");
    }
    if (decision.action === "route") {
      if (asked.headers.some(([name]) => name === "proxy-authorization")) { // for this proxy alone
        request = new Request(request);
        request.headers.delete("proxy-authorization");
      }
      const resolveOverride = table.hublets.get(decision.hublet).override;
      try {
        response = await fetch(request, { cf: { resolveOverride, cacheTtlByStatus: NEVER_CACHED } });
        if (env.HUBLET_PROXY_STATUS === "true" && response.status !== 101) {
          response = new Response(response.body, response);
          const said = `${proxy}; next-hop="${decision.hublet}"; details="${decision.reason}"`;
          response.headers.append("Proxy-Status", said);
        }
      } catch {
        response = sent(request, table.hublets.get(decision.hublet).failure);
      }
    } else {
      response = answer(request, decision);
    }
    console.log(JSON.stringify({
      time: new Date(started).toISOString(),
      domain: decision.reason === "foreign-host" ? null : asked?.host ?? null,
      method: request.method,
      ...decision,
      status: response.status,
      first_byte_seconds: (Date.now() - started) / 1000,
    }));
    return response;
  },
};

function viewOf(request, url) {
  const headers = [...request.headers].map(([name, value]) => [name.replaceAll("_", "-"), wire(value)]);
  const host = headers.find(([name]) => name === "host")?.[1] ?? url.host;
  const hosts = host === url.host ? [host] : [url.host, host];
  return new Asked({ hosts, target: url.pathname + url.search, headers });
}

// Bytes as the core has them: one character each.
function latin1(data) {
  let text = "";
  for (let i = 0; i < data.length; i += 8192) {
    text += String.fromCharCode(...data.subarray(i, i + 8192));
  }
  return text;
}

// The bytes of a field: the runtime has decoded them as UTF-8.
const wire = (text) => (/[^\0-\x7f]/.test(text) ? latin1(encoder.encode(text)) : text);

// The body as text of bytes, null where it is too long to be read.
async function bodyOf(request) {
  if (request.body === null) return "";
  if (Number(request.headers.get("content-length")) > MAX_BODY) return null;
  const reader = request.clone().body.getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += latin1(value);
    if (text.length > MAX_BODY) {
      reader.cancel();
      return null;
    }
  }
}

// Whether the runtime has left open what a field holds that the decision reads.
function isUnclear(asked) {
  if (!asked.headers.some(([, value]) => /,|\xef\xbf\xbd/.test(value))) return false;
  const places = lookupsFor(table, asked).map(({ place }) => place);
  const fields = new Set(places.map(({ kind, name }) => (kind === "header" ? name : kind)));
  if (places.some(({ inBody }) => inBody)) fields.add("content-type");
  const read = asked.headers.filter(([name]) => fields.has(name));
  if (read.some(([, value]) => value.includes("\xef\xbf\xbd"))) return true; // was no UTF-8
  if (!read.some(([, value]) => value.includes(","))) return false;
  if (read.some(([name, value]) => name === "content-type" && value.includes(","))) return true;
  const headers = asked.headers.flatMap(([name, value]) => value.split(/, ?/).map((it) => [name, it]));
  const parted = new Asked({ ...asked, headers });
  const said = (place, request) => JSON.stringify(valuesAt(place, request));
  return places.some(
    (place) => /^(header|cookie)$/.test(place.kind) && said(place, asked) !== said(place, parted),
  );
}

function answer(request, { reason, credential }) {
  const rule = table.rules.find(({ name }) => name === credential);
  const isOfBody = reason === "unreadable" && rule?.places.some(({ inBody }) => inBody);
  return sent(request, answers[isOfBody ? "unreadable-body" : reason]);
}

const sent = ({ method }, { status, fields, body }) =>
  new Response(method === "HEAD" ? null : body, { status, headers: fields });
