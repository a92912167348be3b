// The commands that the page sends: in the name of the user who is logged in, once even when asked for twice.

import { isStaff, looksOnly } from "./model.js";

const key = () => (crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random()}`);

// May this user send commands at all?
export function mayCommand(user) {
  if (!user) return false;
  return !looksOnly(user);
}

// As the server judges it: staff, and users with a token for the alarm's own site.
export function mayAcknowledge(user, site) {
  return mayCommand(user) && (isStaff(user) || (site !== "" && (user.sites || []).includes(site)));
}

// The body of the wire contract.
export function commandBody(command, user) {
  const { site, device, instance, action, required_params, optional_params } = command;
  const { user_id, user_name } = user;
  return { site, device, instance, action, user_name: user_name || user_id, user_id, required_params, optional_params };
}

export function makeSender(api, model) {
  return (command, options) => {
    if (!model.user) return Promise.reject(new api.ApiError("You are not logged in any more."));
    const headers = { "Idempotency-Key": key() };
    return api.post("../newjob", commandBody(command, model.user), { ...options, headers });
  };
}
