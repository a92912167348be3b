// The rules that the page shares with the server, as /api/now serves them: the phases, when a stop is late, a job
// stuck or a site silent, how many jobs are listed, the enclosure station of each observatory. Empty until the first answer.

export const rules = { phases: [], open_phases: [], stations: {} };

export function takeRules(served) {
  Object.assign(rules, served);
}
