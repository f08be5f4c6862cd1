// Which of the LogQL queries on stdin (a JSON array) Grafana's own grammar does not take: prints their numbers.
import { readFileSync } from "node:fs";
import { parser } from "@grafana/lezer-logql";

const wrong = [];
JSON.parse(readFileSync(0, "utf8")).forEach((query, number) => {
  let failed = false;
  parser.parse(query).iterate({ enter: (node) => { failed ||= node.type.isError; } });
  if (failed || query.trim() === "") wrong.push(number);
});
console.log(JSON.stringify(wrong));
