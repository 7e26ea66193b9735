/** The containers of an `aws_ecs_task_definition`, out of the JSON that its `container_definitions` holds. */
import { parseJson } from './json.ts';
import type { Block, Problem, Resource, Value } from './model.ts';
import { isExpression } from './template.ts';
import { isBlock, problem, undecided } from './values.ts';

/** Containers as the ECS API has them (camelCase), or why they cannot be read. */
function containersOf(task: Resource): { readonly containers: readonly Block[]; readonly unreadable?: Problem } {
  const written = task.attributes['container_definitions'];
  const value = typeof written === 'string' ? parseJson(written) : written;
  const whole = typeof written === 'string' && /^\$\{[\s\S]*\}$/.test(written);
  if (whole || (Array.isArray(value) && value.some((item) => isExpression(item)))) {
    return { containers: [], unreadable: undecided('the container definitions', written) };
  }
  if (!Array.isArray(value) || !value.every((item: Value) => isBlock(item))) {
    return { containers: [], unreadable: problem('its container definitions are not a JSON list of containers', written) };
  }
  return { containers: value as Block[] };
}

/** A rule's judgement of each container; a task whose containers cannot be read does not pass. */
export function eachContainer(judge: (container: Block, task: Resource) => readonly Problem[]): (task: Resource) => Problem[] {
  return (task) => {
    const { containers, unreadable } = containersOf(task);
    return [...(unreadable === undefined ? [] : [unreadable]), ...containers.flatMap((container) => judge(container, task))];
  };
}

/** `container edge-node`. */
export const nameOf = (container: Block): string =>
  `container ${typeof container['name'] === 'string' ? container['name'] : 'without a name'}`;
