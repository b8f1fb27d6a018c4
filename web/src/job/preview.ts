/** Images of a set that are shown before it is refined. */
export const previewed = 20;
