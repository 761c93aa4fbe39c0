// Answers each line of a file, or of standard input, with the exported JavaScript: see kit.py.
//
//     node drive.mjs WORKER-DIR < CASES                     at each empty line, an answer a line
//     node drive.mjs WORKER-DIR MUTANTS CASES ANSWERS       the first case that kills each, or null
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const FILES = ["decide.js", "formats.js", "regex.js", "runs.js"];

async function engineIn(folder) {
  const modules = FILES.map((file) => import(pathToFileURL(join(folder, file)).href));
  return Object.assign({}, ...(await Promise.all(modules)), { now: {} });
}

const ANSWERS = {
  program(engine, program) {
    engine.now.table = engine.load(program);
  },
  decide(engine, request) {
    const { action, hublet, upstream, reason, credential, table } = engine.decide(engine.now.table, new engine.Request(request));
    return [action, hublet, upstream, reason, credential, table];
  },
  pattern(engine, program) {
    engine.now.pattern = new engine.Pattern(program);
  },
  search: (engine, text) => engine.now.pattern.search(text),
  paths: (engine, path) => [engine.paths(path)[0], engine.paths(path).sort()],
  host: (engine, host) => engine.hostName(host),
  fold: (engine, name) => engine.foldName(name),
  pairs: (engine, text) => engine.pairs(text),
  place: (engine, [place, request]) => engine.valuesAt(place, new engine.Request(request)),
  json(engine, [document, path]) {
    const tree = engine.parseJson(document);
    return tree === undefined ? null : engine.stringsAt(tree, path);
  },
  lenient: (engine, [document, path]) => engine.lenientStrings(document, path),
  base64: (engine, text) => engine.decodeBase64(text),
  protobuf: (engine, [message, lenient]) => engine.protobufFields(message, lenient),
  ids: (engine, [reader, text]) => engine.idsIn(reader, text),
  names: (engine, [reader, text]) => engine.namesIn(reader, text),
  runs: (engine, text) => engine.runsOf(text).map(([texts, coded]) =>
    [texts.sort(), coded.map((it) => it.join("\0")).sort()]),
  unescape: (engine, text) => engine.unescape(text),
};

function answer(engine, line) {
  const [what, of] = JSON.parse(line);
  const said = ANSWERS[what](engine, of);
  return said === undefined ? null : JSON.stringify(said);
}

function killer(engine, cases, answers) {
  let next = 0;
  for (const line of cases) {
    try {
      const said = answer(engine, line);
      if (said !== null && said !== answers[next++]) return line;
    } catch {
      return line;
    }
  }
  return null;
}

const [folder, mutants, cases, answers] = process.argv.slice(2);
if (mutants === undefined) {
  const engine = await engineIn(resolve(folder));
  const out = [];
  for await (const line of createInterface({ input: process.stdin })) {
    const said = line === "" ? `${out.splice(0).join("\n")}\n` : answer(engine, line);
    if (line === "") process.stdout.write(said);
    else if (said !== null) out.push(said);
  }
} else {
  const lines = (file) => readFileSync(file, "utf-8").trimEnd().split("\n");
  const [all, right] = [lines(cases), lines(answers)];
  const sources = FILES.map((file) => readFileSync(join(folder, file), "utf-8"));
  for (const [before, after] of JSON.parse(readFileSync(mutants, "utf-8"))) {
    const copy = mkdtempSync(join(tmpdir(), "hublet-mutant-"));
    const found = sources.filter((source) => source.split(before).length === 2);
    if (found.length !== 1) throw new Error(`not once in the JavaScript: ${before}`);
    FILES.forEach((file, i) => writeFileSync(join(copy, file), sources[i].replace(before, () => after)));
    writeFileSync(join(copy, "package.json"), '{"type": "module"}');
    let killed;
    try {
      killed = killer(await engineIn(copy), all, right);
    } catch (error) {
      killed = String(error);
    } finally {
      rmSync(copy, { recursive: true });
    }
    console.log(JSON.stringify(killed));
  }
}
