/**
 * The date that a chat template is told. Templates like Llama 3.2's write today's into every prompt; a circuit would
 * then be searched, measured and used on other prompts each day. So it is always the day that Llama's template falls
 * back to itself.
 */
const DATE = new Date(Date.UTC(2024, 6, 26));
const MONTHS = "January February March April May June July August September October November December".split(
  " ",
);
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

/** strftime in the C locale, of 26 July 2024, 0:00. @throws Error for a directive that no template is known to use. */
export function templateDate(format: unknown): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const [month = "", day = ""] = [MONTHS[DATE.getUTCMonth()], DAYS[DATE.getUTCDay()]];
  const values: Readonly<Record<string, string>> = {
    ...{ Y: String(DATE.getUTCFullYear()), y: two(DATE.getUTCFullYear() % 100) },
    ...{ m: two(DATE.getUTCMonth() + 1), B: month, b: month.slice(0, 3) },
    ...{ d: two(DATE.getUTCDate()), A: day, a: day.slice(0, 3) },
    ...{ H: "00", M: "00", S: "00", I: "12", p: "AM", "%": "%" },
  };
  return String(format).replace(/%(.)/gsu, (directive, letter: string) => {
    const value = values[letter];
    if (value === undefined) throw new Error(`strftime_now does not know ${directive}`);
    return value;
  });
}
