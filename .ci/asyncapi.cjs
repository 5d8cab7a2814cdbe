// Prints every error of an AsyncAPI document and fails when there is one.
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { delimiter, join } = require("node:path");

// npm exec puts the package's own .bin folder first on the PATH; the modules lie beside it.
const bin = process.env.PATH.split(delimiter).find((folder) => folder.includes("_npx"));
const { Parser } = createRequire(join(bin, "..", "x.js"))("@asyncapi/parser");

new Parser().parse(readFileSync(process.argv[2], "utf8")).then(({ diagnostics }) => {
  const errors = diagnostics.filter((one) => one.severity === 0);
  for (const one of errors) console.error(`${one.path.join(".")}: ${one.message}`);
  process.exit(errors.length ? 1 : 0);
});
