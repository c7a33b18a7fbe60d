use portcullis::api::rbac::Kind;

use crate::world::queries::Class;
use crate::world::reference::Linear;
use crate::world::{MEDIUM, Params, SMALL, World};
use crate::write;

const SEEDED: Params = Params { bindings: SMALL, seed: 1 };

#[test]
fn the_same_seed_makes_the_same_world_and_another_seed_another() {
    let world = World::generate(&SEEDED);
    assert_eq!(world.inventory, World::generate(&SEEDED).inventory);
    assert_ne!(world.inventory, World::generate(&Params { seed: 2, ..SEEDED }).inventory);
}

#[test]
fn every_answer_is_that_of_the_linear_scan() {
    let world = World::generate(&SEEDED);
    let linear = Linear::new(&world.inventory);
    let queries = world.questioner().mix(3_000);
    assert_eq!(queries.len(), 3_000);
    for query in queries {
        let allowed = linear.allows(&query.user, &query.asked.attributes());
        assert_eq!(allowed, query.allowed, "{query:?}");
    }
    for query in world.questioner().ask(Class::WhoCan, 200) {
        assert!(!linear.who_can(&query.asked.attributes()).is_empty(), "{query:?}");
    }
}

#[test]
fn six_of_ten_questions_are_allowed() {
    let world = World::generate(&SEEDED);
    for class in [Class::ServiceAccount, Class::Person] {
        let queries = world.questioner().ask(class, 2_000);
        let allowed = queries.iter().filter(|query| query.allowed).count();
        assert!((1_100..1_300).contains(&allowed), "{}: {allowed}", class.name());
    }
}

#[test]
fn shares_are_as_documented() {
    let world = World::generate(&Params { bindings: MEDIUM, seed: 1 });
    let inventory = &world.inventory;
    assert_eq!(inventory.bindings(), MEDIUM);
    assert_eq!(inventory.count(Kind::ClusterRoleBinding), MEDIUM / 50);
    assert_eq!(inventory.count(Kind::Role), world.namespaces().len() * 8);
    assert!((200..300).contains(&inventory.count(Kind::ClusterRole)));

    let rules = inventory.roles.iter().flat_map(|role| &role.value.rules);
    let rules = rules.chain(inventory.cluster_roles.iter().flat_map(|role| &role.value.rules));
    let (named, all): (Vec<_>, Vec<_>) = rules.partition(|rule| !rule.resource_names.is_empty());
    let percent = named.len() * 100 / (named.len() + all.len());
    assert!((8..=15).contains(&percent), "{percent} % with names");

    let subjects = inventory.role_bindings.iter().flat_map(|binding| &binding.value.subjects);
    let kinds: Vec<&str> = subjects.map(|subject| subject.kind.as_str()).collect();
    for (kind, share) in [("ServiceAccount", 60), ("Group", 25), ("User", 15)] {
        let percent = kinds.iter().filter(|it| **it == kind).count() * 100 / kinds.len();
        assert!(percent.abs_diff(share) <= 3, "{kind}: {percent} %");
    }
    assert!(world.people().iter().all(|person| (5..=20).contains(&person.groups.len())));
}

#[test]
fn the_json_of_a_binding_is_under_600_bytes() {
    let world = World::generate(&Params { bindings: MEDIUM, seed: 1 });
    let mut json = Vec::new();
    write::json_list(&world.inventory, &mut json).unwrap();
    let each = json.len() / MEDIUM;
    assert!((550..590).contains(&each), "{each}");
    let list: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), write::objects(&world.inventory).count());
}
