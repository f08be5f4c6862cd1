// What the Node Graph panel gets: Loki's answer to an instant query, as Grafana's data source makes a table of it, through
// Grafana's own transformations. stdin: {result, refId, transformations}; prints the fields, each with its values.
const { readFileSync } = require("node:fs");
globalThis.window = globalThis;
const { transformDataFrame, standardTransformersRegistry, standardTransformers, toDataFrame, FieldType } = require("@grafana/data");
const { firstValueFrom } = require("rxjs");

const known = [...new Map(Object.values(standardTransformers).map((each) => [each.id, each])).values()];
standardTransformersRegistry.setInit(() => known.map((each) => ({
  id: each.id, name: each.name ?? each.id, transformation: each, aliasIds: [], editor: () => null,
})));

const { result, refId, transformations } = JSON.parse(readFileSync(0, "utf8"));
const labels = [...new Set(result.flatMap((series) => Object.keys(series.metric)))].sort();
const frame = toDataFrame({
  refId,
  meta: { preferredVisualisationType: "table" },
  fields: [
    { name: "Time", type: FieldType.time, values: result.map((series) => series.value[0] * 1000) },
    ...labels.map((name) => ({ name, type: FieldType.string, values: result.map((series) => series.metric[name] ?? "") })),
    { name: `Value #${refId}`, type: FieldType.number, values: result.map((series) => Number(series.value[1])) },
  ],
});
firstValueFrom(transformDataFrame(transformations, [frame])).then(([shown]) => {
  console.log(JSON.stringify(Object.fromEntries(shown.fields.map((field) => [field.name, [...field.values]]))));
});
