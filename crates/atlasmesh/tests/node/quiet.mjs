// A logger that says nothing: what these clients print is what was asked for.
const nothing = () => {};
export const quiet = { error: nothing, warn: nothing, info: nothing, debug: nothing };
