// The command catalogue as a form: its entries, the fields of one with their types, and what was typed into them as
// parameters. Pure functions.

export const BY_HAND = "by hand";

export function commandKey(command) {
  return [command.device, command.action, command.script].filter(Boolean).join(" ");
}

// The label without the parts that need a parameter: "Expose[ {time} s]" is "Expose".
export function plainLabel(command) {
  return command.label.replace(/\[[^\]]*\]/g, "").trim() || commandKey(command);
}

export function devicesOf(commands) {
  return [...new Set(commands.map((command) => command.device))];
}

// The commands of a device, or those whose words contain what was typed.
export function findCommands(commands, device, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return commands.filter((command) => command.device === device);
  const haystack = (command) => `${commandKey(command)} ${plainLabel(command)} ${command.command_class}`.toLowerCase();
  return commands.filter((command) => words.every((word) => haystack(command).includes(word)));
}

// [{name, kind, required, example, start, help}]; the example shows the type, and stands in the field only where
// nothing else can be meant; the help is unit and range.
export function fieldsOf(command) {
  if (!command) return [];
  const list = (params, required) => Object.entries(params)
    .map(([name, example]) => fieldOf(name, example, required, command));
  return [...list(command.required, true), ...list(command.optional, false)];
}

function fieldOf(name, example, required, command) {
  const kind = name === "script" && command.script ? "fixed" : kindOf(example);
  const start = kind === "fixed" || (kind === "boolean" && required) ? String(example) : "";
  const help = command.ranges?.[name] || "";
  return { name, kind, required, example: kind === "json" ? JSON.stringify(example) : String(example), start, help };
}

function kindOf(example) {
  if (typeof example === "boolean") return "boolean";
  if (typeof example === "number") return "number";
  return typeof example === "string" ? "text" : "json";
}

// What was typed, as parameters. Empty optional fields are not sent.
export function readFields(fields, typed) {
  const read = { required_params: {}, optional_params: {}, problems: [] };
  for (const field of fields) {
    const text = (typed[field.name] ?? field.start).trim();
    if (text) readField(read, field, text);
    else if (field.required) read.problems.push(`“${field.name}” is missing`);
  }
  return read;
}

function readField(read, field, text) {
  const { value, problem } = valueOf(field, text);
  if (problem) read.problems.push(`“${field.name}” ${problem}`);
  else (field.required ? read.required_params : read.optional_params)[field.name] = value;
}

function valueOf({ kind, example }, text) {
  if (kind === "boolean") return { value: text === "true" };
  if (kind === "number") return numberOf(text);
  if (kind !== "json") return { value: text };
  const value = parsed(text);
  return value === undefined ? { problem: `is no JSON; it could be ${example}` } : { value };
}

function numberOf(text) {
  const value = Number(text);
  return Number.isFinite(value) && /\d/.test(text) ? { value } : { problem: "is no number" };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// A command that the catalogue does not know: device, action and both objects as they were typed.
export function readByHand({ device = "", action = "", required = "", optional = "" }) {
  const read = { device: device.trim(), action: action.trim(), problems: [] };
  for (const name of ["device", "action"]) if (!read[name]) read.problems.push(`“${name}” is missing`);
  for (const [name, text] of [["required_params", required], ["optional_params", optional]]) {
    const value = text.trim() ? parsed(text) : {};
    const fits = value !== null && typeof value === "object" && !Array.isArray(value);
    read[name] = fits ? value : {};
    if (!fits) read.problems.push(`“${name}” is no JSON object, such as {"name": "value"}`);
  }
  return read;
}
